// The templates of the form library, our own: plain, labelled, without any markup of others.

import {
  ADDITIONAL_PROPERTY_FLAG, type ArrayFieldItemTemplateProps, type ArrayFieldTemplateProps, type FieldTemplateProps,
  type MultiSchemaFieldTemplateProps, type ObjectFieldTemplateProps, type TemplatesType, type UiSchema,
  type WrapIfAdditionalTemplateProps, canExpand, getUiOptions,
} from "@rjsf/utils";
import type { ReactNode } from "react";
import { words } from "../format";
import { Add, Optional, Submit, small } from "./buttons";
import { Errors } from "./summary";
import { firstParagraph } from "./text";

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

export const templates: Partial<TemplatesType> = {
  FieldTemplate: Field, FieldErrorTemplate: FieldError as never, ObjectFieldTemplate: ObjectFields, ArrayFieldTemplate: ArrayFields,
  ArrayFieldItemTemplate: ArrayItem, OptionalDataControlsTemplate: Optional, MultiSchemaFieldTemplate: Variants, WrapIfAdditionalTemplate: Pair, ErrorListTemplate: Errors,
  DescriptionFieldTemplate: ({ description }: { description?: ReactNode }) => <>{firstParagraph(description)}</>,
  ButtonTemplates: {
    SubmitButton: Submit, AddButton: Add, CopyButton: small("copy", "Copy entry"), MoveDownButton: small("down", "Move down"),
    MoveUpButton: small("up", "Move up"), RemoveButton: small("close", "Remove"), ClearButton: small("close", "Clear"),
  },
} as never;
