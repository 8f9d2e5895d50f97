// One widget for each kind of value.

import type { RegistryWidgetsType, WidgetProps } from "@rjsf/utils";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useContext } from "react";
import { call, type Place } from "../../api/operations";
import { at } from "../../contract/pointer";
import type { Choices, Operation } from "../../contract/types";
import { words } from "../format";
import { Surroundings } from "./context";
import { firstParagraph } from "./text";

function described(props: WidgetProps): Record<string, unknown> {
  const bad = (props.rawErrors?.length ?? 0) > 0;
  return { ...(bad ? { "aria-invalid": true, "aria-describedby": `${props.id}__error` } : {}), required: props.required || undefined };
}

function Text(props: WidgetProps): ReactNode {
  const { id, value, onChange, onBlur, onFocus, disabled, readonly, placeholder, schema, options, type } = props;
  const number = schema.type === "number" || schema.type === "integer";
  const kind = number ? "number" : ((type ?? options.inputType ?? "text") as string);
  return (
    <input
      id={id}
      name={id}
      type={kind}
      value={value === undefined || value === null ? "" : String(value)}
      placeholder={placeholder || (schema.default === undefined ? "" : String(schema.default))}
      disabled={disabled || readonly}
      autoComplete="off"
      spellCheck={false}
      {...(number ? { step: schema.type === "integer" ? 1 : "any", min: schema.minimum, max: schema.maximum } : {})}
      {...described(props)}
      onChange={(event) => {
        const text = event.target.value;
        onChange(text === "" ? undefined : number ? Number(text) : text);
      }}
      onBlur={() => onBlur(id, value)}
      onFocus={() => onFocus(id, value)}
    />
  );
}

function Password(props: WidgetProps): ReactNode {
  return <Text {...props} type="password" />;
}

function Area(props: WidgetProps): ReactNode {
  const { id, value, onChange, disabled, readonly, placeholder } = props;
  return (
    <textarea id={id} rows={5} value={value ?? ""} placeholder={placeholder} disabled={disabled || readonly} {...described(props)}
      onChange={(event) => onChange(event.target.value === "" ? undefined : event.target.value)} />
  );
}

function Check(props: WidgetProps): ReactNode {
  const { id, value, onChange, disabled, readonly, label, schema, options } = props;
  return (
    <div className="checkbox">
      <label htmlFor={id}>
        <input id={id} type="checkbox" checked={(value ?? schema.default) === true} disabled={disabled || readonly} onChange={(event) => onChange(event.target.checked)} />
        {(options.title as string | undefined) ?? (schema.title ? label : words(label))}
      </label>
      {typeof schema.description === "string" ? <div className="help">{firstParagraph(schema.description)}</div> : null}
    </div>
  );
}

function Select(props: WidgetProps): ReactNode {
  const { id, value, onChange, options, disabled, readonly, required, schema, multiple } = props;
  const entries = (options.enumOptions ?? []) as { value: unknown; label: string }[];
  const index = entries.findIndex((each) => each.value === (value ?? schema.default));
  if (multiple) {
    const chosen = Array.isArray(value) ? (value as unknown[]) : [];
    return (
      <div id={id} className="row" role="group">
        {entries.map((each) => (
          <label key={each.label} className="row tight">
            <input type="checkbox" checked={chosen.includes(each.value)} disabled={disabled || readonly}
              onChange={(event) => onChange(event.target.checked ? [...chosen, each.value] : chosen.filter((other) => other !== each.value))} />
            {each.label}
          </label>
        ))}
      </div>
    );
  }
  const blank = schema.default === undefined && !(required && index >= 0);
  return (
    <select id={id} value={index < 0 ? "" : String(index)} disabled={disabled || readonly} {...described(props)}
      onChange={(event) => onChange(event.target.value === "" ? undefined : entries[Number(event.target.value)]?.value)}>
      {blank || index < 0 ? <option value="">{required ? "Choose …" : "–"}</option> : null}
      {entries.map((each, place) => (
        <option key={place} value={place}>
          {each.label}
        </option>
      ))}
    </select>
  );
}

/** Choices that an operation of the same plugin gives. */
function FromOperation(props: WidgetProps): ReactNode {
  const { place, description } = useContext(Surroundings);
  const choices = props.options.choices as Choices;
  const operation = description?.operations[choices.operation];
  const found = useQuery({
    queryKey: ["op", place?.edge, place?.plugin, choices.operation, {}],
    queryFn: ({ signal }) => call(place as Place, operation as Operation, {}, { signal }),
    enabled: place !== undefined && operation?.effect === "read",
    staleTime: 60_000,
  });
  if (found.isLoading) {
    // No field to type into that another one would replace in a moment.
    return (
      <select id={props.id} disabled {...described(props)}>
        <option>Loading …</option>
      </select>
    );
  }
  const items = at(found.data, choices.items);
  if (!Array.isArray(items) || items.length === 0) return <Text {...props} />;
  const entries = items.map((item: unknown) => ({ value: at(item, choices.value), label: String(at(item, choices.label) ?? at(item, choices.value)) }));
  if (props.value !== undefined && props.value !== null && !entries.some((each) => each.value === props.value)) entries.unshift({ value: props.value, label: String(props.value) });
  return <Select {...props} options={{ ...props.options, enumOptions: entries as never }} />;
}

function Radio(props: WidgetProps): ReactNode {
  const { id, value, onChange, options, disabled, readonly, label } = props;
  return (
    <div id={id} className="field-radio-group" role="radiogroup" aria-label={label}>
      {((options.enumOptions ?? []) as { value: unknown; label: string }[]).map((each, index) => (
        <label key={index} className="row tight">
          <input type="radio" name={id} checked={each.value === value} disabled={disabled || readonly} onChange={() => onChange(each.value)} /> {each.label}
        </label>
      ))}
    </div>
  );
}

export const widgets: RegistryWidgetsType = {
  TextWidget: Text, PasswordWidget: Password, TextareaWidget: Area, CheckboxWidget: Check, SelectWidget: Select, RadioWidget: Radio,
  UpDownWidget: Text, EmailWidget: Text, URLWidget: Text, DateWidget: Text, DateTimeWidget: Text, TimeWidget: Text, ColorWidget: Text,
  FileWidget: Text, CheckboxesWidget: Select, FromOperation,
} as never;
