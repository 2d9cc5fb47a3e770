import { address, changeQuery } from "../../shell/address";
import { KeysTab } from "./KeysTab";
import { ServerTab } from "./ServerTab";
import "./settings.css";

const TABS = [
  ["server", "Server"],
  ["keys", "Keys"],
] as const;

/** `/settings?tab=keys`: how this server runs, and who may use it. */
export function SettingsView() {
  const tab = address.value.query.get("tab") === "keys" ? "keys" : "server";
  return (
    <div class="page">
      <header>
        <h1>Settings</h1>
      </header>
      <div class="tabs" role="tablist" aria-label="Parts of the settings">
        {TABS.map(([name, title]) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={name === tab}
            onClick={() => changeQuery({ tab: name === "server" ? null : name }, false)}
          >
            {title}
          </button>
        ))}
      </div>
      {tab === "keys" ? <KeysTab /> : <ServerTab />}
    </div>
  );
}
