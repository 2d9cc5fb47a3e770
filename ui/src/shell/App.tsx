import { ApiError } from "@journeyman/client";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Notice } from "../parts/Notice";
import { address, go, to } from "./address";
import { KeyList } from "./KeyList";
import { useShortcuts, watchKeyboard } from "./keyboard";
import { Navigation } from "./Navigation";
import { SignIn } from "./SignIn";
import { begin, caller, forbidden, identify } from "./session";
import { VIEWS, type View } from "./views";

/** The page: the navigation beside the view of the address, or the sign-in. */
export function App() {
  useEffect(() => {
    begin();
    return watchKeyboard();
  }, []);
  const known = caller.value;
  if (known === null) return <main class="starting" aria-busy="true" />;
  if (known === "unknown") return <SignIn />;
  if (known instanceof ApiError) return <Unreachable error={known} />;
  return <Frame />;
}

function Unreachable({ error }: { error: ApiError }) {
  useEffect(() => {
    const timer = setInterval(identify, 2000);
    return () => clearInterval(timer);
  }, []);
  return (
    <main class="sign-in">
      <h1>Journeyman</h1>
      <Notice error={error} />
      <p class="quiet">The page tries again every two seconds.</p>
    </main>
  );
}

function Frame() {
  const [keys, setKeys] = useState(false);
  const view =
    VIEWS.find((each) => each.path === address.value.path[0]) ?? (address.value.path.length ? null : VIEWS[0]);
  useShortcuts([
    { keys: "?", does: "Show the keys", run: () => setKeys(true) },
    ...VIEWS.map((each) => ({
      keys: `g ${each.key}`,
      does: `Go to ${each.title}`,
      run: () => go(to(each.path)),
    })),
  ]);
  useEffect(() => {
    document.title = view ? `${view.title} · Journeyman` : "Journeyman";
  }, [view]);
  return (
    <div class="frame">
      <a class="skip" href="#view">
        To the content
      </a>
      <Navigation current={view?.path ?? ""} showKeys={() => setKeys(true)} />
      <main id="view" tabIndex={-1}>
        {view ? <Shown view={view} key={view.path} /> : <NotFound />}
      </main>
      {keys && <KeyList close={() => setKeys(false)} />}
    </div>
  );
}

function NotFound() {
  return (
    <div class="empty">
      <h1>There is no such view</h1>
      <p>
        <a href={to([])}>To the first view</a>
      </p>
    </div>
  );
}

function Shown({ view }: { view: View }) {
  const [Loaded, setLoaded] = useState<ComponentType | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const reason = forbidden(view.scope);
  useEffect(() => {
    if (reason) return;
    view.load().then(
      (component) => setLoaded(() => component),
      () => setError(new ApiError(0, { error: "This part of the page cannot be loaded. Load the page anew." })),
    );
  }, [view, reason]);
  if (reason) return <Forbidden title={view.title} reason={reason} />;
  if (error) return <Notice error={error} />;
  return Loaded ? <Loaded /> : <div class="starting" aria-busy="true" />;
}

function Forbidden({ title, reason }: { title: string; reason: string }) {
  return (
    <div class="empty">
      <h1>{title}</h1>
      <p>{reason}</p>
    </div>
  );
}
