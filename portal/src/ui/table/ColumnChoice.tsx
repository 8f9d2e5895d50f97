import { type ReactNode, useId } from "react";
import type { Column } from "../../contract/types";
import { labelOf } from "../format";
import { useModal } from "../kit";

interface Props {
  label: string;
  columns: Column[];
  shown: Column[];
  /** Choose columns by their fields; undefined leaves the choice to the room there is. */
  choose: (fields: string[] | undefined) => void;
  close: () => void;
}

export default function ColumnChoice({ label, columns, shown, choose, close }: Props): ReactNode {
  const dialog = useModal();
  const id = useId();
  const fields = shown.map((column) => column.field);
  return (
    <dialog ref={dialog} className="choice" aria-labelledby={id} onClose={close}>
      <div className="stack">
        <h2 id={id}>Columns of {label}</h2>
        <div className="stack tight">
          {columns.map(({ field, ...column }) => {
            const on = fields.includes(field);
            return (
              <label key={field} className="row">
                <input
                  type="checkbox"
                  checked={on}
                  disabled={on && fields.length === 1}
                  onChange={() => choose(columns.map((each) => each.field).filter((each) => (each === field ? !on : fields.includes(each))))}
                />
                {labelOf({ field, ...column })}
              </label>
            );
          })}
        </div>
        <div className="row">
          <button type="button" className="button primary" onClick={() => dialog.current?.close()}>
            Done
          </button>
          <button type="button" className="button" onClick={() => choose(undefined)}>
            As many as fit
          </button>
        </div>
      </div>
    </dialog>
  );
}
