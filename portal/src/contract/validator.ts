// What the form library asks of a validator, over one that interprets schemas: nothing is ever compiled, so that
// the content security policy needs no exception.

import { Validator, type OutputUnit } from "@cfworker/json-schema";
import {
  createErrorHandler, toErrorList, toErrorSchema, unwrapErrorHandler, validationDataMerge,
  type CustomValidator, type ErrorTransformer, type RJSFSchema, type RJSFValidationError, type UiSchema, type ValidationData,
  type ValidatorType,
} from "@rjsf/utils";

const known = new WeakMap<object, Validator>();

function validatorOf(schema: object): Validator {
  let found = known.get(schema);
  if (found === undefined) {
    found = new Validator(schema as never, "2020-12", false);
    known.set(schema, found);
  }
  return found;
}

// These only say that something below them failed, which has an error of its own.
const OUTER = new Set(["properties", "items", "$ref", "allOf", "additionalProperties", "prefixItems", "if", "dependentSchemas"]);

/** Return one error a problem, in words, at the field that it is about. */
export function problemsOf(units: OutputUnit[], schema: RJSFSchema): RJSFValidationError[] {
  const found: RJSFValidationError[] = [];
  const seen = new Set<string>();
  for (const unit of units) {
    if (OUTER.has(unit.keyword)) continue;
    if (inAlternative(unit.keywordLocation)) continue;
    let path = unit.instanceLocation.replace(/^#/, "");
    let message = words(unit, schema);
    if (unit.keyword === "required") {
      const name = /"([^"]+)"/.exec(unit.error)?.[1] ?? "";
      path += `/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`;
      message = "is required";
    }
    if (unit.keyword === "false") message = "is not a known field";
    const property = path
      .split("/")
      .slice(1)
      .map((part) => `.${part.replace(/~1/g, "/").replace(/~0/g, "~")}`)
      .join("");
    if (seen.has(property)) continue;
    seen.add(property);
    found.push({ name: unit.keyword, property, message, stack: `${property} ${message}`, schemaPath: unit.keywordLocation });
  }
  return found;
}

function inAlternative(location: string): boolean {
  return /\/(anyOf|oneOf)\/\d+/.test(location);
}

function valueAt(schema: RJSFSchema, location: string): unknown {
  let found: unknown = schema;
  for (const part of location.replace(/^#\/?/, "").split("/")) {
    if (found === null || typeof found !== "object") return undefined;
    if (Object.hasOwn(found, part)) found = (found as Record<string, unknown>)[part];
    const ref: unknown = found !== null && typeof found === "object" ? (found as { $ref?: unknown }).$ref : undefined;
    if (typeof ref === "string") found = schema.$defs?.[ref.replace("#/$defs/", "")];
  }
  return found;
}

const TYPES: Record<string, string> = {
  string: "text", integer: "a whole number", number: "a number", boolean: "yes or no", object: "an object", array: "a list",
};

function words(unit: OutputUnit, schema: RJSFSchema): string {
  const limit = valueAt(schema, unit.keywordLocation);
  switch (unit.keyword) {
    case "type":
      return `must be ${typeof limit === "string" ? (TYPES[limit] ?? limit) : "of another type"}`;
    case "minLength":
      return limit === 1 ? "must not be empty" : `must have at least ${String(limit)} characters`;
    case "maxLength":
      return `must have at most ${String(limit)} characters`;
    case "minimum":
      return `must be at least ${String(limit)}`;
    case "maximum":
      return `must be at most ${String(limit)}`;
    case "exclusiveMinimum":
      return `must be more than ${String(limit)}`;
    case "exclusiveMaximum":
      return `must be less than ${String(limit)}`;
    case "multipleOf":
      return `must be a multiple of ${String(limit)}`;
    case "minItems":
      return `needs at least ${String(limit)} entries`;
    case "maxItems":
      return `takes at most ${String(limit)} entries`;
    case "uniqueItems":
      return "must not hold the same entry twice";
    case "minProperties":
      return `needs at least ${String(limit)} entries`;
    case "maxProperties":
      return `takes at most ${String(limit)} entries`;
    case "enum":
      return Array.isArray(limit) ? `must be one of ${limit.slice(0, 12).map(String).join(", ")}` : "is not one of the choices";
    case "const":
      return `must be ${String(limit)}`;
    case "pattern":
      return `must match ${String(limit)}`;
    case "format":
      return `must be a valid ${String(limit)}`;
    case "anyOf":
    case "oneOf":
      return "fits none of the alternatives";
    default:
      return unit.error.replace(/\.$/, "");
  }
}

export class PortalValidator<T = unknown> implements ValidatorType<T> {
  rawValidation<R>(schema: RJSFSchema, formData?: T): { errors?: R[]; validationError?: Error } {
    try {
      const done = validatorOf(schema).validate(plain(formData));
      return { errors: (done.valid ? [] : problemsOf(done.errors, schema)) as R[] };
    } catch (error) {
      return { validationError: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  validateFormData(
    formData: T | undefined, schema: RJSFSchema, customValidate?: CustomValidator<T>,
    transformErrors?: ErrorTransformer<T>, uiSchema?: UiSchema<T>,
  ): ValidationData<T> {
    const raw = this.rawValidation<RJSFValidationError>(schema, formData);
    let errors = raw.errors ?? [];
    if (raw.validationError) {
      errors = [{ stack: raw.validationError.message, message: raw.validationError.message, property: "" }];
    }
    if (transformErrors) errors = transformErrors(errors, uiSchema);
    let data: ValidationData<T> = { errors, errorSchema: toErrorSchema<T>(errors) };
    if (customValidate) {
      const handler = customValidate(formData, createErrorHandler<T>(formData as T), uiSchema);
      data = validationDataMerge<T>(data, unwrapErrorHandler<T>(handler));
    }
    return { errors: data.errors.length ? data.errors : toErrorList(data.errorSchema), errorSchema: data.errorSchema };
  }

  isValid(schema: RJSFSchema, formData: T | undefined, rootSchema: RJSFSchema): boolean {
    try {
      const whole = rootSchema.$defs && !schema.$defs ? merged(schema, rootSchema) : schema;
      return validatorOf(whole).validate(plain(formData)).valid;
    } catch {
      return false;
    }
  }
}

const joined = new WeakMap<object, RJSFSchema>();

function merged(schema: RJSFSchema, root: RJSFSchema): RJSFSchema {
  let found = joined.get(schema);
  if (found === undefined || found.$defs !== root.$defs) {
    found = { ...schema, $defs: root.$defs } as RJSFSchema;
    joined.set(schema, found);
  }
  return found;
}

/** `undefined` is what a form holds of an empty field; in JSON it is no property at all. */
function plain(data: unknown): unknown {
  return data === undefined ? {} : JSON.parse(JSON.stringify(data));
}
