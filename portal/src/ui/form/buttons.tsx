// The buttons of a form, and the words that lists and objects share.

import type { IconButtonProps, OptionalDataControlsTemplateProps } from "@rjsf/utils";
import { type ReactNode, useContext } from "react";
import { Icon } from "../kit";
import { Surroundings } from "./context";

export function small(icon: string, title: string) {
  return function Small({ id, onClick, disabled }: IconButtonProps): ReactNode {
    return (
      <button type="button" id={id} className="iconbutton" onClick={onClick} disabled={disabled} aria-label={title} title={title}>
        <Icon name={icon} />
      </button>
    );
  };
}

export function Add({ id, onClick, disabled }: IconButtonProps): ReactNode {
  return (
    <button type="button" id={id} className="button small" onClick={onClick} disabled={disabled}>
      <Icon name="plus" /> Add
    </button>
  );
}

/** Adds or takes out an object that need not be there. */
export function Optional({ id, onAddClick, onRemoveClick }: OptionalDataControlsTemplateProps): ReactNode {
  if (onAddClick) {
    return (
      <button type="button" id={id} className="button small" onClick={onAddClick}>
        <Icon name="plus" /> Add
      </button>
    );
  }
  if (onRemoveClick) {
    return (
      <button type="button" id={id} className="button small plain" onClick={onRemoveClick}>
        <Icon name="close" /> Leave out
      </button>
    );
  }
  return null;
}

export function Submit(): ReactNode {
  const { submitLabel, busy, disabled } = useContext(Surroundings);
  return (
    <div className="row">
      <button type="submit" className="button primary" disabled={disabled} aria-busy={busy}>
        {busy ? "Sending …" : submitLabel}
      </button>
    </div>
  );
}
