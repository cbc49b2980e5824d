/** A compass needle in a circle. */
export const Mark = () => (
  <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true" style={{ color: "var(--brass)" }}>
    <circle cx="10" cy="10" r="8.5" fill="none" stroke="currentColor" strokeWidth="1.5" />
    <path d="M10 3.5 12 10H8z" fill="currentColor" />
    <path d="M10 16.5 8 10h4z" fill="currentColor" opacity=".4" />
  </svg>
);
