/** Arrow's types in a word. */
export function typeWord(type: string): string {
  const dictionary = /^Dictionary\(\w+, (.*)\)$/.exec(type);
  if (dictionary?.[1]) return typeWord(dictionary[1]);
  if (type.startsWith("Timestamp")) return "time";
  if (type.startsWith("Duration")) return "duration";
  if (type.startsWith("Utf8") || type.startsWith("LargeUtf8")) return "text";
  if (/Binary/.test(type)) return "id";
  if (type.startsWith("Decimal")) return "decimal";
  if (/^U?Int/.test(type)) return "integer";
  if (type.startsWith("Float")) return "number";
  if (type === "Boolean") return "true/false";
  return type.toLowerCase();
}
