import { address } from "../../shell/address";
import { ApprovalPage } from "./ApprovalPage";
import { Inbox } from "./Inbox";
import "./approvals.css";

/** `/approvals` lists what waits for a human, `/approvals/ID` shows what has become of one. */
export function ApprovalsView() {
  const id = address.value.path[1];
  return id ? <ApprovalPage id={id} key={id} /> : <Inbox />;
}
