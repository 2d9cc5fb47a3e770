import { data, type Schemas } from "@journeyman/client";
import { server } from "../shell/server";

const of = (run: string) => ({ params: { path: { run_id: run } } });

/** Start a run in the background. */
export async function startRun(body: Schemas["ProcessRequest"]): Promise<Schemas["ProcessAnswer"]> {
  // A run in the background is answered as JSON, never as the stream that the document also allows.
  return (await data(server.requests.POST("/process", { body }))) as Schemas["ProcessAnswer"];
}

/** Ask a run to end. */
export function cancelRun(run: string) {
  return data(server.requests.POST("/runs/{run_id}/cancel", of(run)));
}

/** Go on from before a failure, in a new run on the same thread. */
export function retryRun(run: string) {
  return data(server.requests.POST("/runs/{run_id}/retry", of(run)));
}

/** Copy a run up to an event into a new run on a new thread. */
export function forkRun(run: string, body: Schemas["ForkRequest"]) {
  return data(server.requests.POST("/runs/{run_id}/fork", { ...of(run), body }));
}

/** Answer open approvals of a run. */
export function answer(run: string, answers: Schemas["AnswerRequest"][]) {
  return data(server.requests.POST("/runs/{run_id}/resume", { ...of(run), body: { answers } }));
}
