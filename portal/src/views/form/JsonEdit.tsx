import { type ReactNode, useState } from "react";
import type { Record_ } from "../../contract/types";

export function JsonEdit({ value, change, submit, label, disabled }: { value: Record_; change: (to: Record_) => void; submit: (to: Record_) => void; label: string; disabled: boolean }): ReactNode {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const [wrong, setWrong] = useState("");
  const parsed = (): Record_ | undefined => {
    try {
      const found: unknown = JSON.parse(text);
      if (found === null || typeof found !== "object" || Array.isArray(found)) throw new Error("it is not an object");
      setWrong("");
      return found as Record_;
    } catch (error) {
      setWrong((error as Error).message);
      return undefined;
    }
  };
  return (
    <form
      className="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        const found = parsed();
        if (found) submit(found);
      }}
    >
      <textarea
        className="json-edit"
        aria-label="Input as JSON"
        aria-invalid={wrong !== ""}
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => {
          const found = parsed();
          if (found) change(found);
        }}
      />
      {wrong ? (
        <p className="field-error" role="alert">
          {wrong}
        </p>
      ) : null}
      <div>
        <button type="submit" className="button primary" disabled={disabled}>
          {label}
        </button>
      </div>
    </form>
  );
}
