import { data } from "@journeyman/client";
import { Notice } from "../../parts/Notice";
import { Sentence } from "../../parts/Sentence";
import { useResource } from "../../parts/useResource";
import { to } from "../../shell/address";
import { server } from "../../shell/server";

/** Why a run asked, waited, retried, stopped, and what it cost, each with its event. It is read again as `seq` grows. */
export function Why({ run, seq }: { run: string; seq: number }) {
  const why = useResource(`why ${run} ${seq}`, () =>
    data(server.requests.GET("/runs/{run_id}/why", { params: { path: { run_id: run } } })),
  );
  if (why.error) return <Notice error={why.error} retry={why.reload} />;
  if (!why.data) return <div aria-busy="true" />;
  if (why.data.items.length === 0) return <p class="quiet">There is nothing to explain yet.</p>;
  return (
    <>
      <ol class="why">
        {why.data.items.map((each) => (
          <li key={`${each.seq} ${each.sentence}`}>
            <span class={`why-kind of-${each.kind}`}>{each.kind}</span>
            <Sentence text={each.sentence} />
            <a href={to(["runs", run], { tab: "events", at: each.seq })}>event {each.seq}</a>
          </li>
        ))}
      </ol>
      {why.data.left_out > 0 && <p class="quiet">{why.data.left_out} sentences of the middle are left out.</p>}
    </>
  );
}
