import { Icon } from "../parts/icon";
import { type Binding, boundKeys, keyCaps, letterKeys } from "../state/keys";
import { useSetting } from "../state/setting";
import { Dialog } from "./dialog";
import style from "./help.module.css";

/** HelpSheet lists the keys that work on the page behind it. */
export function HelpSheet({ close }: { close: () => void }) {
  const [letters, setLetters] = useSetting(letterKeys);
  const groups = Map.groupBy(
    boundKeys().filter((b) => b.group),
    (b) => b.group as string,
  );
  return (
    <Dialog label="Keys" className={style.sheet} close={close}>
      <div className={style.head}>
        <h1>Keys that work here</h1>
        <button type="button" className="button quiet icon" onClick={close} aria-label="Close">
          <Icon name="close" />
        </button>
      </div>
      <div className={style.groups}>
        {[...groups].map(([group, bindings]) => (
          <section key={group} className={style.group}>
            <h3>{group}</h3>
            <dl>
              {bindings.map((binding) => (
                <Row key={binding.label} binding={binding} />
              ))}
            </dl>
          </section>
        ))}
      </div>
      <label className={style.switch}>
        <input type="checkbox" checked={letters} onChange={(event) => setLetters(event.target.checked)} />
        Single-letter keys
      </label>
    </Dialog>
  );
}

function Row({ binding }: { binding: Binding }) {
  return (
    <div className={style.row}>
      <dt>{binding.label}</dt>
      <dd>{binding.keys.flatMap((key) => keyCaps(key).map((cap) => <kbd key={key + cap}>{cap}</kbd>))}</dd>
    </div>
  );
}
