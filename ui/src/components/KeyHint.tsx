/** A key, as printed on it: `<KeyHint keys="Ctrl K" />`. */
export const KeyHint = ({ keys }: { keys: string }) => <kbd>{keys}</kbd>;
