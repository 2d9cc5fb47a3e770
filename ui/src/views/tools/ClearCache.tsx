import { ApiError, data } from "@journeyman/client";
import { useState } from "preact/hooks";
import { counted } from "../../parts/amounts";
import { Notice } from "../../parts/Notice";
import { server } from "../../shell/server";
import { forbidden } from "../../shell/session";

/** Forgets the results of a tool that are cached. */
export function ClearCache({ name }: { name: string }) {
  const [said, setSaid] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const reason = forbidden("admin");
  const clear = async () => {
    setError(null);
    try {
      const answer = await data(server.requests.DELETE("/tools/{name}/cache", { params: { path: { name } } }));
      setSaid(`${counted(answer.cleared, "result")} forgotten.`);
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    }
  };
  return (
    <div class="row">
      <button type="button" disabled={reason !== null} title={reason ?? undefined} onClick={clear}>
        Forget cached results
      </button>
      <span role="status" class="quiet">
        {said}
      </span>
      {error && <Notice error={error} />}
    </div>
  );
}
