import { useState } from "preact/hooks";
import { Icon } from "../parts/Icon";
import { to } from "./address";
import { caller, forbidden, signedIn, signIn } from "./session";
import { setTheme, THEMES, theme } from "./theme";
import { VIEWS } from "./views";

/** The navigation: the views, who is signed in, the theme, and the list of keys. */
export function Navigation({ current, showKeys }: { current: string; showKeys: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <header class={open ? "navigation open" : "navigation"}>
      <a class="brand" href={to([])}>
        <Icon path="M4 18 12 4l8 14M8 18l4-7 4 7" />
        Journeyman
      </a>
      <button
        type="button"
        class="menu"
        aria-expanded={open}
        aria-controls="views"
        onClick={() => setOpen(!open)}
        aria-label="Menu"
      >
        <Icon path="M4 7h16M4 12h16M4 17h16" />
      </button>
      <nav id="views" aria-label="Views">
        <ul>
          {VIEWS.map((view) => (
            <li key={view.path}>
              <a
                href={to(view.path)}
                aria-current={view.path === current ? "page" : undefined}
                class={forbidden(view.scope) ? "forbidden" : undefined}
                title={forbidden(view.scope) ?? undefined}
                onClick={() => setOpen(false)}
              >
                <Icon path={view.icon} />
                {view.title}
              </a>
            </li>
          ))}
        </ul>
        <Foot showKeys={showKeys} />
      </nav>
    </header>
  );
}

function Foot({ showKeys }: { showKeys: () => void }) {
  const known = caller.value;
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  return (
    <div class="foot">
      <button type="button" onClick={showKeys}>
        <Icon path="M3 7h18v11H3zM7 11h.01M11 11h.01M15 11h.01M8 15h8" />
        Keys <kbd>?</kbd>
      </button>
      <button type="button" onClick={() => setTheme(next)}>
        <Icon path="M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18" />
        Theme: {theme.value}
      </button>
      {signedIn() && (
        <button type="button" onClick={() => signIn(null)}>
          <Icon path="M14 4h6v16h-6M4 12h11M11 8l4 4-4 4" />
          Sign out
        </button>
      )}
      {known && typeof known === "object" && "principal" in known && (
        <p class="quiet">
          {known.principal} · {known.version}
        </p>
      )}
    </div>
  );
}
