// A form made from a JSON Schema and hints.

import Form from "@rjsf/core/lib/components/Form.js";
import { type RJSFSchema, type RJSFValidationError, type UiSchema, toErrorSchema } from "@rjsf/utils";
import { type ReactNode, useMemo, useState } from "react";
import type { FieldProblem } from "../api/client";
import type { Place } from "../api/operations";
import type { Description, Operation, Record_, Schema } from "../contract/types";
import { PortalValidator } from "../contract/validator";
import { Surroundings } from "./form/context";
import { fitted, titleIn, uiSchemaOf } from "./form/hints";
import { focusField } from "./form/summary";
import { templates } from "./form/templates";
import { widgets } from "./form/widgets";

const validator = new PortalValidator();

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
  const [tried, setTried] = useState(false);
  const extra = useMemo(
    () =>
      problems.length
        ? toErrorSchema(problems.map((each) => ({ stack: "", message: each.message, property: each.path.replace(/^\$/, "").replace(/\[(\d+)\]/g, ".$1") })))
        : undefined,
    [problems],
  );
  return (
    <Surroundings.Provider value={{ place, description, submitLabel, busy, disabled }}>
      <div>
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
    </Surroundings.Provider>
  );
}
