/** Colours of a log query: keys, words that join, phrases, pipes. */

import { StreamLanguage } from "@codemirror/language";

export const logLanguage = StreamLanguage.define<null>({
  name: "logs",
  startState: () => null,
  token: (stream) => {
    if (stream.eatSpace()) return null;
    if (stream.match(/^"(\\.|[^"\\])*"(?=\s*:)/)) return "propertyName";
    if (stream.match(/^"(\\.|[^"\\])*"?/)) return "string";
    if (stream.match(/^(AND|OR|NOT|TO)(?![\p{L}\p{N}_])/u)) return "logicOperator";
    if (stream.match(/^\|\s*\p{L}*/u)) return "keyword";
    if (stream.match(/^-?[\p{L}_@$][\p{L}\p{N}_.@$/-]*(?=:)/u)) return "propertyName";
    if (stream.match(/^[^\s"():|]+/)) return null;
    stream.next();
    return null;
  },
});
