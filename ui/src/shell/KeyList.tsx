import { Dialog } from "../parts/Dialog";
import { listed } from "./keyboard";

/** The dialog that lists the keys of the page and of the view that is shown. */
export function KeyList({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" close={close}>
      <dl class="key-list">
        {listed.value.map((each) => (
          <div key={each.keys + each.does}>
            <dt>
              {each.keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{each.does}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>Tab</kbd>
          </dt>
          <dd>To the next control</dd>
        </div>
        <div>
          <dt>
            <kbd>Esc</kbd>
          </dt>
          <dd>Close a dialog</dd>
        </div>
      </dl>
    </Dialog>
  );
}
