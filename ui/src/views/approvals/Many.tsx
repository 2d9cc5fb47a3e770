import { ApiError, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { counted } from "../../parts/amounts";
import { visible } from "../../parts/visible";
import { answer } from "../../run/runActions";

type Approval = Schemas["ApprovalAnswer"];

interface Props {
  chosen: Approval[];
  answered: (approvals: Approval[], decision: string) => void;
  reload: () => void;
}

/** Answers all that are marked alike, one request for each run: of a run either all are answered or none. */
export function Many({ chosen, answered, reload }: Props) {
  const [failures, setFailures] = useState<string[]>([]);
  const [sending, setSending] = useState(false);
  if (chosen.length === 0 && failures.length === 0) return null;
  const send = async (decision: "approve" | "deny") => {
    setSending(true);
    const runs = [...Map.groupBy(chosen, (each) => each.run_id)];
    const results = await Promise.allSettled(
      runs.map(([run, asked]) =>
        answer(
          run,
          asked.map(({ approval }) => ({ approval, decision })),
        ),
      ),
    );
    setFailures(results.flatMap((each) => (each.status === "rejected" ? [reasonOf(each.reason)] : [])));
    setSending(false);
    const done = runs.filter((_, place) => results[place]?.status === "fulfilled").flatMap(([, asked]) => asked);
    if (done.length) answered(done, decision);
    else reload();
  };
  const refusing = (decision: string) => chosen.find((each) => !each.decisions.includes(decision));
  const [noApprove, noDeny] = [refusing("approve"), refusing("deny")];
  return (
    <div class="notice marked" role="status">
      {chosen.length > 0 && (
        <div class="row">
          {counted(chosen.length, "marked approval")}
          <button
            type="button"
            class="primary"
            disabled={sending || noApprove !== undefined}
            onClick={() => send("approve")}
          >
            Approve them
          </button>
          <button type="button" disabled={sending || noDeny !== undefined} onClick={() => send("deny")}>
            Deny them
          </button>
          <span class="quiet">{said(chosen, noApprove ?? noDeny)}</span>
        </div>
      )}
      {failures.map((each) => (
        <p key={each}>{visible(each)}</p>
      ))}
    </div>
  );
}

function said(chosen: Approval[], refused: Approval | undefined): string {
  if (refused) return `“${visible(refused.message)}” takes other answers: answer it by itself.`;
  const limits = chosen.some((each) => each.kind === "limit");
  return `What was asked runs, without edits.${limits ? " A limit gets the highest value that is shown." : ""}`;
}

function reasonOf(reason: unknown): string {
  return reason instanceof ApiError ? reason.message : String(reason);
}
