import { useState } from "preact/hooks";
import { expiredLink, signedIn, signIn } from "./session";

/** The view for a key or token, where the server asks for one. */
export function SignIn() {
  const [value, setValue] = useState("");
  const [tried, setTried] = useState(signedIn());
  const submit = async (event: Event) => {
    event.preventDefault();
    await signIn(value.trim() || null);
    setTried(true);
  };
  return (
    <main class="sign-in">
      <h1>Journeyman</h1>
      <p>This server asks who you are. Give an API key or a token; it stays in this tab until you close it.</p>
      {expiredLink.value && (
        <p role="alert" class="notice bad">
          The link that you opened was used already, or is older than ten minutes.
        </p>
      )}
      {tried && (
        <p role="alert" class="notice bad">
          The server does not accept this key. It may be misspelt, expired or revoked.
        </p>
      )}
      <form onSubmit={submit}>
        <label for="credential">Key or token</label>
        <input
          id="credential"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={!value.trim()}>
          Sign in
        </button>
      </form>
      <p class="quiet">
        At the server’s own terminal, <code>journeyman page-link</code> prints a link that signs you in, and{" "}
        <code>journeyman keys create</code> makes a key.
      </p>
    </main>
  );
}
