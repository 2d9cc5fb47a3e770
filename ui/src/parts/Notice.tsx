import type { ApiError } from "@journeyman/client";
import { Id } from "./Id";

/** An error in a sentence, with what finds its details, and a way to try again. */
export function Notice({ error, retry }: { error: ApiError | Error; retry?: () => void }) {
  const code = "code" in error ? error.code : "";
  const errorId = "errorId" in error ? error.errorId : null;
  return (
    <div class="notice bad" role="alert">
      <p>{error.message}</p>
      <p class="quiet">
        {code && <code>{code}</code>}
        {errorId && (
          <>
            {" "}
            in the log: <Id value={errorId} />
          </>
        )}
        {retry && (
          <button type="button" onClick={retry}>
            Try again
          </button>
        )}
      </p>
    </div>
  );
}
