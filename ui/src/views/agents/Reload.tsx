import { ApiError, data, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { Notice } from "../../parts/Notice";
import { visible } from "../../parts/visible";
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
          <Problems problems={report.problems} />
        </div>
      )}
    </div>
  );
}

function said(report: Schemas["ReloadAnswer"]): string {
  if (!report.applied) return "Nothing has changed, since the files have problems:";
  if (report.changes.length === 0) return "The files are as they were.";
  return `Changed: ${report.changes.map((each) => visible(each.agent)).join(", ")}.`;
}

/** Problems of files, each with its place. */
export function Problems({ problems }: { problems: string[] }) {
  if (problems.length === 0) return null;
  return (
    <ul>
      {problems.map((each) => (
        <li key={each} class="plain-text">
          {visible(each)}
        </li>
      ))}
    </ul>
  );
}
