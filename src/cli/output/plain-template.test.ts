import { expect, test } from "bun:test";
import { TemplateStruct } from "#base/go-template/values.ts";
import { renderPlainTemplate, tryParsePlainTemplate } from "./plain-template.ts";
import { compileListTemplate } from "./template.ts";

const row = new TemplateStruct("*formatter.T", {
  ID: "1",
  Count: 2,
  Lazy: () => "x",
  Label: (name: string) => name,
  None: null,
});

test("tryParsePlainTemplate() takes templates of fields alone", () => {
  expect(tryParsePlainTemplate("a {{.ID}}\t{{ .Count }}")).toEqual(["a ", "ID", "\t", "Count", ""]);
  for (const text of [
    "{{.ID",
    "{{- .ID}}",
    "{{.A.B}}",
    "{{json .}}",
    '{{.Label "x"}}',
    "{{if .ID}}x{{end}}",
  ]) {
    expect(tryParsePlainTemplate(text)).toBeUndefined();
  }
});

test("renderPlainTemplate() leaves to the engine what is no plain value", () => {
  expect(renderPlainTemplate(["", "ID", " ", "Count", " ", "Lazy", ""], row)).toBe("1 2 x");
  for (const field of ["Gone", "Label", "None", "toString"]) {
    expect(renderPlainTemplate(["", field, ""], row)).toBeUndefined();
  }
});

test("compileListTemplate() gives the same with and without the engine", () => {
  const plain = compileListTemplate("{{.ID}}-{{.Count}}-{{.Lazy}}");
  const engine = compileListTemplate("{{.ID}}-{{.Count}}-{{.Lazy}}{{/* */}}");
  expect(plain.row(row)).toBe(engine.row(row));
  expect(() => plain.row(new TemplateStruct("*formatter.T", {}))).toThrow(
    'failed to execute template: template: :1:2: executing "" at <.ID>: can\'t evaluate field ID in type *formatter.T',
  );
});
