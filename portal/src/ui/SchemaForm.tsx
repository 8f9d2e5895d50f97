// A form made from a JSON Schema and hints. The templates are our own: plain, labelled, without any markup of others.

import Form from "@rjsf/core/lib/components/Form.js";
import {
  ADDITIONAL_PROPERTY_FLAG, type ArrayFieldItemTemplateProps, type ArrayFieldTemplateProps, type ErrorListProps,
  type FieldTemplateProps, type IconButtonProps, type MultiSchemaFieldTemplateProps, type ObjectFieldTemplateProps, type OptionalDataControlsTemplateProps,
  type RegistryWidgetsType, type RJSFSchema, type RJSFValidationError, type TemplatesType, toErrorSchema, type UiSchema,
  type WidgetProps, type WrapIfAdditionalTemplateProps, canExpand, getUiOptions,
} from "@rjsf/utils";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, createContext, useContext, useMemo, useRef, useState } from "react";
import type { FieldProblem } from "../api/client";
import { call, type Place } from "../api/operations";
import { at, tokens } from "../contract/pointer";
import type { Choices, Description, Operation, Record_, Schema } from "../contract/types";
import { PortalValidator } from "../contract/validator";
import { words } from "./format";
import { Icon } from "./kit";

const Context = createContext<{ place?: Place; description?: Description; submitLabel: string; busy: boolean; disabled: boolean }>({
  submitLabel: "Submit", busy: false, disabled: false,
});

// --- templates --------------------------------------------------------------------------------------

function Field(props: FieldTemplateProps): ReactNode {
  const { id, label, children, errors, help, description, rawErrors, hidden, required, displayLabel, schema, uiSchema, registry } = props;
  if (hidden) return <div className="hidden">{children}</div>;
  const { WrapIfAdditionalTemplate } = registry.templates;
  const options = getUiOptions(uiSchema);
  const checkbox = schema.type === "boolean" && (options.widget === undefined || options.widget === "checkbox");
  const shown = displayLabel && !checkbox && !(ADDITIONAL_PROPERTY_FLAG in schema);
  return (
    <WrapIfAdditionalTemplate {...props}>
      <div className={rawErrors?.length ? "bad-field" : undefined}>
        {shown && label ? (
          <label className="label" htmlFor={id}>
            {options.title ?? (schema.title ? label : words(label))}
            {required ? (
              <span className="required" aria-hidden="true">
                *
              </span>
            ) : null}
          </label>
        ) : null}
        {children}
        {displayLabel && description && !checkbox ? <div className="help">{description}</div> : null}
        {help ? <div className="help">{help}</div> : null}
        {errors}
      </div>
    </WrapIfAdditionalTemplate>
  );
}

function FieldError({ errors, fieldPathId }: { errors?: (string | ReactNode)[]; fieldPathId: { $id: string } }): ReactNode {
  if (!errors?.length) return null;
  return (
    <div className="field-error" id={`${fieldPathId.$id}__error`}>
      {errors.map((error, index) => (
        <div key={index}>{error}</div>
      ))}
    </div>
  );
}

function ObjectFields(props: ObjectFieldTemplateProps): ReactNode {
  const { title, description, properties, schema, uiSchema, formData, onAddProperty, disabled, readonly, fieldPathId, registry, required } = props;
  const { AddButton } = registry.templates.ButtonTemplates;
  const isRoot = fieldPathId.$id === "root";
  const plain = properties.filter((each) => !each.hidden && !advancedIn(uiSchema, each.name));
  const advanced = properties.filter((each) => !each.hidden && advancedIn(uiSchema, each.name));
  const hidden = properties.filter((each) => each.hidden);
  const optional = isRoot || required || schema.properties === undefined ? undefined : props.optionalDataControl;
  if (!isRoot && !optional && plain.length + advanced.length === 0 && !canExpand(schema, uiSchema, formData)) return <div className="hidden">{hidden.map((each) => each.content)}</div>;
  const errors = props.errorSchema as Record<string, unknown> | undefined;
  const open = advanced.some((each) => errors && Object.hasOwn(errors, each.name)) || (plain.length === 0 && isRoot);
  return (
    <fieldset id={fieldPathId.$id}>
      {!isRoot && title ? (
        <legend>
          {getUiOptions(uiSchema).title ?? (schema.title ? title : words(title))}
          {required ? <span className="required" aria-hidden="true">*</span> : null}
        </legend>
      ) : null}
      {!isRoot && description ? <p className="help">{firstParagraph(description)}</p> : null}
      {optional ? <div className="optional">{optional}</div> : null}
      <div className="fields">
        {plain.map((each) => (
          <div key={each.name}>{each.content}</div>
        ))}
        {advanced.length ? (
          <details open={open || undefined}>
            <summary>More options</summary>
            <div className="fields">
              {advanced.map((each) => (
                <div key={each.name}>{each.content}</div>
              ))}
            </div>
          </details>
        ) : null}
        {canExpand(schema, uiSchema, formData) ? (
          <div>
            <AddButton onClick={onAddProperty} disabled={disabled || readonly} registry={registry} uiSchema={uiSchema} id={`${fieldPathId.$id}__add`} />
          </div>
        ) : null}
      </div>
      <div className="hidden">{hidden.map((each) => each.content)}</div>
    </fieldset>
  );
}

function advancedIn(uiSchema: UiSchema | undefined, name: string): boolean {
  const own = uiSchema?.[name] as UiSchema | undefined;
  return own?.["ui:advanced"] === true;
}

function firstParagraph(description: ReactNode): ReactNode {
  return typeof description === "string" ? description.split(/\n\s*\n/)[0]?.replace(/``/g, "") : description;
}

function ArrayFields({ title, items, canAdd, onAddClick, disabled, readonly, fieldPathId, registry, required, schema, uiSchema }: ArrayFieldTemplateProps): ReactNode {
  const { AddButton } = registry.templates.ButtonTemplates;
  const options = getUiOptions(uiSchema);
  return (
    <fieldset id={fieldPathId.$id} className="list">
      <legend className="label">
        {options.title ?? (schema.title ? title : words(title))}
        {required ? <span className="required" aria-hidden="true">*</span> : null}
      </legend>
      {typeof schema.description === "string" ? <p className="help">{firstParagraph(schema.description)}</p> : null}
      <div className="items">{items}</div>
      {canAdd ? <AddButton onClick={onAddClick} disabled={disabled || readonly} registry={registry} uiSchema={uiSchema} id={`${fieldPathId.$id}__add`} /> : null}
    </fieldset>
  );
}

function ArrayItem({ children, buttonsProps, hasToolbar, registry }: ArrayFieldItemTemplateProps): ReactNode {
  const { ArrayFieldItemButtonsTemplate } = registry.templates;
  return (
    <div className="item">
      <div className="body">{children}</div>
      {hasToolbar ? (
        <div className="row tight">
          <ArrayFieldItemButtonsTemplate {...buttonsProps} />
        </div>
      ) : null}
    </div>
  );
}

function Variants({ selector, optionSchemaField, schema, uiSchema }: MultiSchemaFieldTemplateProps): ReactNode {
  const told = (selector as { props?: { label?: string } } | undefined)?.props?.label;
  const title = getUiOptions(uiSchema).title ?? schema.title ?? (told ? words(told) : "");
  return (
    <div className="variant">
      {selector ? (
        <label>
          <span className="sr">{title ? `${title}: ` : ""}kind of value</span>
          {selector}
        </label>
      ) : null}
      {optionSchemaField}
    </div>
  );
}

function Pair(props: WrapIfAdditionalTemplateProps): ReactNode {
  const { id, label, schema, children, onKeyRenameBlur, onRemoveProperty, disabled, readonly, registry, uiSchema } = props;
  if (!(ADDITIONAL_PROPERTY_FLAG in schema)) return <div>{children}</div>;
  const { RemoveButton } = registry.templates.ButtonTemplates;
  return (
    <div className="pair">
      <label>
        <span className="help">Name</span>
        <input key={label} id={`${id}-key`} type="text" defaultValue={label} onBlur={onKeyRenameBlur} disabled={disabled || readonly} />
      </label>
      <div>
        <label className="help" htmlFor={id}>
          Value
        </label>
        {children}
      </div>
      <RemoveButton id={`${id}__remove`} onClick={onRemoveProperty} disabled={disabled || readonly} registry={registry} uiSchema={uiSchema} />
    </div>
  );
}

function Errors({ errors }: ErrorListProps): ReactNode {
  return (
    <div className="notice bad" role="alert" tabIndex={-1} data-summary>
      <strong>{errors.length === 1 ? "One field needs attention" : `${errors.length} fields need attention`}</strong>
      <ul>
        {errors.map((error, index) => {
          const path = (error.property ?? "").replace(/^\./, "");
          const id = path ? `root_${path.split(".").join("_")}` : "root";
          return (
            <li key={index}>
              <a
                href={`#${id}`}
                onClick={(event) => {
                  event.preventDefault();
                  focusField(id);
                }}
              >
                {path ? titleFor(error, path) : "Form"}
              </a>{" "}
              {error.message}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function titleFor(error: RJSFValidationError, path: string): string {
  return error.title ?? words(path.split(".").at(-1) ?? path);
}

export function focusField(id: string): void {
  const element = document.getElementById(id);
  element?.closest("details")?.setAttribute("open", "");
  const target = element?.matches("input, select, textarea, button") ? element : element?.querySelector<HTMLElement>("input, select, textarea, button");
  target?.focus();
  target?.scrollIntoView({ block: "center" });
}

function small(icon: string, title: string) {
  return function Small({ id, onClick, disabled }: IconButtonProps): ReactNode {
    return (
      <button type="button" id={id} className="iconbutton" onClick={onClick} disabled={disabled} aria-label={title} title={title}>
        <Icon name={icon} />
      </button>
    );
  };
}

function Add({ id, onClick, disabled }: IconButtonProps): ReactNode {
  return (
    <button type="button" id={id} className="button small" onClick={onClick} disabled={disabled}>
      <Icon name="plus" /> Add
    </button>
  );
}

/** Adds or takes out an object that need not be there. */
function Optional({ id, onAddClick, onRemoveClick }: OptionalDataControlsTemplateProps): ReactNode {
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

function Submit(): ReactNode {
  const { submitLabel, busy, disabled } = useContext(Context);
  return (
    <div className="row">
      <button type="submit" className="button primary" disabled={disabled} aria-busy={busy}>
        {busy ? "Sending …" : submitLabel}
      </button>
    </div>
  );
}

// --- widgets ----------------------------------------------------------------------------------------

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
  const { place, description } = useContext(Context);
  const choices = props.options.choices as Choices;
  const operation = description?.operations[choices.operation];
  const found = useQuery({
    queryKey: ["op", place?.edge, place?.plugin, choices.operation, {}],
    queryFn: ({ signal }) => call(place as Place, operation as Operation, {}, { signal }),
    enabled: place !== undefined && operation?.effect === "read",
    staleTime: 60_000,
  });
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

const widgets: RegistryWidgetsType = {
  TextWidget: Text, PasswordWidget: Password, TextareaWidget: Area, CheckboxWidget: Check, SelectWidget: Select, RadioWidget: Radio,
  UpDownWidget: Text, EmailWidget: Text, URLWidget: Text, DateWidget: Text, DateTimeWidget: Text, TimeWidget: Text, ColorWidget: Text,
  FileWidget: Text, CheckboxesWidget: Select, FromOperation,
} as never;

const templates: Partial<TemplatesType> = {
  FieldTemplate: Field, FieldErrorTemplate: FieldError as never, ObjectFieldTemplate: ObjectFields, ArrayFieldTemplate: ArrayFields,
  ArrayFieldItemTemplate: ArrayItem, OptionalDataControlsTemplate: Optional, MultiSchemaFieldTemplate: Variants, WrapIfAdditionalTemplate: Pair, ErrorListTemplate: Errors,
  DescriptionFieldTemplate: ({ description }: { description?: ReactNode }) => <>{firstParagraph(description)}</>,
  ButtonTemplates: {
    SubmitButton: Submit, AddButton: Add, CopyButton: small("copy", "Copy entry"), MoveDownButton: small("down", "Move down"),
    MoveUpButton: small("up", "Move up"), RemoveButton: small("close", "Remove"), ClearButton: small("close", "Clear"),
  },
} as never;

const validator = new PortalValidator();

/** Turn hints by pointer into what the form library reads. */
export function uiSchemaOf(operation: Operation): UiSchema {
  const root: Record<string, unknown> = {};
  const ui = operation.ui ?? {};
  const node = (pointer: string): Record<string, unknown> => {
    let found = root;
    for (const token of tokens(pointer)) {
      const name = token === "*" ? "items" : token;
      if (name === "__proto__") return {};
      if (!Object.hasOwn(found, name)) found[name] = {};
      found = found[name] as Record<string, unknown>;
    }
    return found;
  };
  if (ui.order) root["ui:order"] = ui.order.includes("*") ? ui.order : [...ui.order, "*"];
  for (const name of ui.advanced ?? []) node(name.startsWith("/") ? name : `/${name}`)["ui:advanced"] = true;
  for (const [pointer, hint] of Object.entries(ui.fields ?? {})) {
    const at_ = node(pointer);
    if (hint.title) at_["ui:title"] = hint.title;
    if (hint.placeholder) at_["ui:placeholder"] = hint.placeholder;
    if (hint.help) at_["ui:help"] = hint.help;
    if (hint.widget) at_["ui:widget"] = hint.widget;
    if (hint.advanced) at_["ui:advanced"] = true;
    if (hint.choices) {
      at_["ui:widget"] = "FromOperation";
      at_["ui:options"] = { choices: hint.choices };
    }
  }
  return root as UiSchema;
}

/** Leave out hints for fields that are not there, hide constants, and mask what is secret. */
function fitted(schema: Schema, ui: Record<string, unknown>, root: Schema = schema, depth = 0): Record<string, unknown> {
  const required = Array.isArray(schema.required) ? (schema.required as string[]) : [];
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(ui)) if (key.startsWith("ui:") || key === "items" || Object.hasOwn(properties, key)) out[key] = value;
  const order = out["ui:order"];
  if (Array.isArray(order)) out["ui:order"] = order.filter((name) => name === "*" || Object.hasOwn(properties, name as string));
  for (const [name, each] of Object.entries(properties)) {
    let own = { ...((out[name] as object | undefined) ?? {}) } as Record<string, unknown>;
    const ref = typeof each.$ref === "string" ? (root.$defs as Record<string, Schema> | undefined)?.[each.$ref.replace("#/$defs/", "")] : each;
    if (ref?.properties !== undefined) {
      if (depth < 6) own = fitted(ref, own, root, depth + 1);
      // Optional objects are added by whoever wants them: what is required in them is required only then.
      if (!required.includes(name)) own["ui:enableOptionalDataFieldForType"] = ["object"];
    }
    for (const key of ["anyOf", "oneOf"]) {
      const branches = each[key];
      // The field has its label already; a plain value of one kind or another needs no second one.
      if (Array.isArray(branches)) own[key] = (branches as Schema[]).map((branch) => (branch.type === "object" || branch.type === "array" || branch.$ref ? {} : { "ui:options": { label: false } }));
    }
    if (each.const !== undefined) own["ui:widget"] = "hidden";
    if (each.format === "password" || each.writeOnly === true) own["ui:widget"] = "password";
    if (Object.keys(own).length) out[name] = own;
  }
  return out;
}

export interface FormProps {
  schema: Schema;
  operation: Operation;
  place: Place;
  description: Description;
  value: Record_;
  change: (value: Record_) => void;
  submit: (value: Record_) => void;
  submitLabel: string;
  busy: boolean;
  disabled: boolean;
  problems: FieldProblem[];
}

export default function SchemaForm(props: FormProps): ReactNode {
  const { schema, operation, place, description, value, change, submit, submitLabel, busy, disabled, problems } = props;
  const ui = useMemo(() => fitted(schema, uiSchemaOf(operation)), [schema, operation]);
  const box = useRef<HTMLDivElement>(null);
  const [tried, setTried] = useState(false);
  const extra = useMemo(
    () =>
      problems.length
        ? toErrorSchema(problems.map((each) => ({ stack: "", message: each.message, property: each.path.replace(/^\$/, "").replace(/\[(\d+)\]/g, ".$1") })))
        : undefined,
    [problems],
  );
  return (
    <Context.Provider value={{ place, description, submitLabel, busy, disabled }}>
      <div ref={box}>
        <Form
          className="sf"
          schema={schema as RJSFSchema}
          uiSchema={{ ...ui, "ui:title": "" } as UiSchema}
          formData={value}
          validator={validator as never}
          widgets={widgets}
          templates={templates}
          experimental_defaultFormStateBehavior={{ emptyObjectFields: "skipDefaults", arrayMinItems: { populate: "never" } }}
          noHtml5Validate
          liveValidate={tried ? "onChange" : false}
          showErrorList="top"
          {...(extra ? { extraErrors: extra as never, extraErrorsBlockSubmit: false } : {})}
          transformErrors={(errors: RJSFValidationError[]) => errors.map((error) => ({ ...error, title: titleIn(schema, error.property ?? "") }))}
          onChange={(event: { formData?: unknown }) => change((event.formData ?? {}) as Record_)}
          onSubmit={(event: { formData?: unknown }) => submit((event.formData ?? {}) as Record_)}
          onError={(errors: RJSFValidationError[]) => {
            setTried(true);
            const path = (errors[0]?.property ?? "").replace(/^\./, "");
            if (path) requestAnimationFrame(() => focusField(`root_${path.split(".").join("_")}`));
          }}
        />
      </div>
    </Context.Provider>
  );
}

function titleIn(schema: Schema, property: string): string {
  const definitions = schema.$defs as Record<string, Schema> | undefined;
  let found: Schema | undefined = schema;
  let title = "";
  for (const name of property.split(".").filter(Boolean)) {
    const ref = typeof found?.$ref === "string" ? definitions?.[found.$ref.replace("#/$defs/", "")] : undefined;
    const properties: Record<string, Schema> = { ...(ref?.properties as object), ...(found?.properties as object) } as never;
    found = Object.hasOwn(properties, name) ? properties[name] : undefined;
    title = typeof found?.title === "string" ? found.title : words(name);
  }
  return title;
}
