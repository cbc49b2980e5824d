/** The editor behind {@link QueryBox}: a chunk of its own. */

import { useEffect, useLayoutEffect, useRef } from "react";
import { autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { logLanguage } from "./logLanguage";
import type { BoxProps, Complete, QueryBoxProps } from "./QueryBox";

const highlighting = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.literal], color: "var(--warn)" },
  { tag: [tags.function(tags.variableName), tags.standard(tags.name)], color: "var(--hold)" },
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.logicOperator, color: "var(--hold)", fontWeight: "600" },
  { tag: tags.comment, color: "var(--text-3)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const theme = EditorView.theme({
  "&": { backgroundColor: "transparent", color: "var(--text)", fontSize: "12px" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--mono)", fontVariantLigatures: "none", caretColor: "var(--text)", padding: "6px 4px" },
  ".cm-line": { padding: "0 6px", lineHeight: "18px" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-placeholder": { color: "var(--text-3)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--accent-bg) !important" },
  ".cm-matchingBracket": { outline: "1px solid var(--line-strong)", backgroundColor: "transparent !important" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line)", borderRadius: "var(--r2)", boxShadow: "var(--shadow)", color: "var(--text)" },
  ".cm-tooltip-autocomplete > ul > li": { fontFamily: "var(--mono)", fontVariantLigatures: "none", fontSize: "12px", padding: "3px 8px !important" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent-bg)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--text-3)", fontStyle: "normal", marginLeft: "12px" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)" },
});

/** Our own languages have words, texts and signs; completion comes from the page. */
function completing(complete: { current: Complete | undefined }): Extension {
  return autocompletion({
    override: [
      async (context) => {
        const word = context.matchBefore(/[\w.:@-]*/);
        const ask = complete.current;
        if (!ask || !word || (word.from === word.to && !context.explicit)) return null;
        const found = await ask(word.text, context.state.sliceDoc(0, word.from));
        const options = found.map((one) => ({ label: one.label, ...(one.detail ? { detail: one.detail } : {}), ...(one.insert ? { apply: one.insert } : {}) }));
        return options.length ? { from: word.from, options, validFor: /^[\w.:@-]*$/ } : null;
      },
    ],
  });
}

function languageOf(props: QueryBoxProps, complete: { current: Complete | undefined }): Extension {
  if (props.language === "promql") {
    const promql = new PromQLExtension().setComplete({ remote: { url: `${window.location.origin}/prometheus`, httpMethod: "GET" } });
    return [(props.variables ? promql.activateLinter(false) : promql).asExtension(), autocompletion()];
  }
  if (props.language === "logs") return [logLanguage, completing(complete)];
  return props.language === "sql" ? [sql({ upperCaseKeywords: true }), completing(complete)] : completing(complete);
}

export default function QueryEditor(props: BoxProps) {
  const parent = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  const complete = useRef(props.complete);
  const hint = useRef(new Compartment());
  useLayoutEffect(() => {
    latest.current = props;
    complete.current = props.complete;
  });

  const { handover } = props;
  useLayoutEffect(() => {
    if (!parent.current) return;
    const { multiline, label } = latest.current;
    const run = (editor: EditorView) => {
      closeCompletion(editor);
      latest.current.onRun();
      return true;
    };
    const created = new EditorView({
      parent: parent.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          Prec.high(keymap.of([{ key: "Mod-Enter", run }, ...(multiline ? [] : [{ key: "Enter", run }])])),
          history(), bracketMatching(), closeBrackets(),
          keymap.of([...completionKeymap, ...closeBracketsKeymap, ...historyKeymap, ...defaultKeymap]),
          languageOf(latest.current, complete), syntaxHighlighting(highlighting), theme,
          hint.current.of(placeholder(latest.current.placeholder ?? "")),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = created;
    if (handover.current) {
      const end = created.state.doc.length;
      created.dispatch({ selection: { anchor: Math.min(handover.current.from, end), head: Math.min(handover.current.to, end) } });
      created.focus();
      handover.current = null;
    }
    return () => created.destroy();
  }, [props.language, handover]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === props.value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: props.value } });
  }, [props.value]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || !props.insert) return;
    editor.dispatch(editor.state.replaceSelection(props.insert.text));
    editor.focus();
  }, [props.insert]);

  useEffect(() => {
    view.current?.dispatch({ effects: hint.current.reconfigure(placeholder(props.placeholder ?? "")) });
  }, [props.placeholder]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const { error } = props;
    if (!error?.position) {
      editor.dispatch(setDiagnostics(editor.state, []));
      return;
    }
    const line = editor.state.doc.line(Math.min(error.position.line, editor.state.doc.lines));
    const from = Math.min(line.from + error.position.column - 1, line.to);
    const word = editor.state.wordAt(from);
    const mark = { from, to: word?.to ?? Math.min(from + 1, line.to), severity: "error" as const, message: error.message };
    editor.dispatch(setDiagnostics(editor.state, [mark]));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only the error matters
  }, [props.error]);

  return <div ref={parent} />;
}
