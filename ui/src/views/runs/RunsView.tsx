import { address } from "../../shell/address";
import { RunList } from "./RunList";
import { RunPage } from "./RunPage";
import { TwoRuns } from "./TwoRuns";
import "./runs.css";

/** `/runs` is the list, `/runs/RUN` one run, and `/runs/RUN?with=OTHER` two of them side by side. */
export function RunsView() {
  const run = address.value.path[1];
  const other = address.value.query.get("with");
  if (!run) return <RunList />;
  if (other) return <TwoRuns left={run} right={other} key={`${run} ${other}`} />;
  return <RunPage run={run} key={run} />;
}
