import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** Colours are tokens (styles/tokens.css); components never name one. */
const colour = "/#([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})\\b|\\b(rgb|hsl|oklch|oklab)a?\\(/i";
const noColours = ["Literal", "TemplateElement"].map((node) => ({
  selector: node === "Literal" ? `Literal[value=${colour}]` : `TemplateElement[value.raw=${colour}]`,
  message: "Colours are tokens: var(--…) in CSS, useTokens() on canvas.",
}));

const layer = (files, forbidden, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group: forbidden, message }] }] },
});

export default tseslint.config(
  { ignores: ["dist", "node_modules", "eslint.config.js", "e2e/*.mjs"] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: ["./tsconfig.json", "./tsconfig.node.json"], tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": "error",
    },
  },
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "react-hooks": hooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "no-restricted-syntax": ["error", ...noColours],
      "no-restricted-globals": ["error", { name: "fetch", message: "Only api/client.ts fetches." }],
    },
  },
  { files: ["src/api/client.ts", "src/api/stream.ts"], rules: { "no-restricted-globals": "off" } },
  layer(["src/model/**"], ["@/*"], "model/ imports nothing of ours outside model/."),
  layer(["src/api/**"], ["@/app/*", "@/pages/*", "@/charts/*", "@/components/*"], "api/ uses model/ and preferences/ only."),
  layer(["src/components/**", "src/charts/**"], ["@/app/*", "@/pages/*"], "components/ and charts/ know no page."),
  layer(["src/pages/**"], ["@/app/*", "@/pages/*"], "A page uses components/, charts/, api/, model/; never another page."),
  { files: ["**/*.test.ts"], rules: { "@typescript-eslint/no-non-null-assertion": "off", "no-restricted-syntax": "off" } },
);
