import type { Schemas } from "@journeyman/client";
import { Id } from "../../parts/Id";
import { Time } from "../../parts/Time";
import { visible } from "../../parts/visible";
import { AskedCard } from "../../run/AskedCard";
import { askedOf } from "../../run/askedOf";
import { to } from "../../shell/address";
import { KINDS } from "./kinds";

interface Props {
  approval: Schemas["ApprovalAnswer"];
  marked: boolean;
  mark: (id: string) => void;
  answered: (decision: string) => void;
}

/** One approval of the inbox. */
export function One({ approval, marked, mark, answered }: Props) {
  const asker = approval.requested_by || approval.principal;
  return (
    <>
      <div class="row">
        <label class="row">
          <input type="checkbox" checked={marked} onChange={() => mark(approval.approval)} />
          {KINDS[approval.kind] ?? visible(approval.kind)} {approval.tool && <code>{visible(approval.tool)}</code>}
        </label>
        <span class="quiet">
          asked <Time at={approval.requested_at} /> for {visible(asker)}
          {asker !== approval.principal && `, in a run of ${visible(approval.principal)}`}
        </span>
        <a href={to(["runs", approval.run_id], { step: approval.call })}>Its run</a>
        <a href={to(["runs", approval.run_id], { tab: "why" })}>Why it asks</a>
        <Id value={approval.approval} />
      </div>
      <AskedCard run={approval.run_id} asked={askedOf(approval)} answered={answered} />
    </>
  );
}
