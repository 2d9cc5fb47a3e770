import { ApiError, data, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { Id } from "../../parts/Id";
import { Notice } from "../../parts/Notice";
import { visible } from "../../parts/visible";
import { to } from "../../shell/address";
import { server } from "../../shell/server";
import { forbidden } from "../../shell/session";

/** Reads the files of the agents anew, and says what has changed or what is wrong. */
export function Reload({ done }: { done: () => void }) {
  const [report, setReport] = useState<Schemas["ReloadAnswer"] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [running, setRunning] = useState(false);
  const reason = forbidden("admin");
  const reload = async () => {
    setRunning(true);
    setError(null);
    setReport(null);
    try {
      setReport(await data(server.requests.POST("/reload")));
      done();
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    } finally {
      setRunning(false);
    }
  };
  return (
    <div class="stack reload">
      <div>
        <button type="button" disabled={running || reason !== null} title={reason ?? undefined} onClick={reload}>
          Read the files anew
        </button>
      </div>
      {error && <Notice error={error} />}
      {report && (
        <div class={report.applied ? "notice" : "notice bad"} role="status">
          <p>{said(report)}</p>
          {report.applied && report.changes.length > 0 && (
            <ul>
              {report.changes.map((each) => (
                <li key={each.agent}>{changeOf(each)}</li>
              ))}
            </ul>
          )}
          <Problems problems={report.problems} />
        </div>
      )}
    </div>
  );
}

function said(report: Schemas["ReloadAnswer"]): string {
  if (!report.applied) return "Nothing has changed, since the files have problems:";
  if (report.changes.length === 0) return "The files are as they were.";
  return "New runs use what has changed:";
}

function changeOf({ agent, before, version }: Schemas["ChangeAnswer"]) {
  if (version === null) return `${visible(agent)} is gone.`;
  return (
    <>
      <a href={to(["agents", agent])}>{visible(agent)}</a> {before === null ? "is new" : <Id value={before} />} →{" "}
      <Id value={version} />
    </>
  );
}

const PLACED = /^(\S+?:\d+(?::\d+)?): ([\s\S]*)$/;

/** Problems of files, each with its place: file, line and column. */
export function Problems({ problems }: { problems: string[] }) {
  if (problems.length === 0) return null;
  return (
    <ul class="problems">
      {problems.map((each) => (
        <li key={each} class="plain-text">
          <Problem text={each} />
        </li>
      ))}
    </ul>
  );
}

function Problem({ text }: { text: string }) {
  const [, place, said] = PLACED.exec(text) ?? [];
  if (!place || said === undefined) return <>{visible(text)}</>;
  return (
    <>
      <code>{visible(place)}</code> {visible(said)}
    </>
  );
}
