/** The page docs/api.md. */
export function apiPage(): string;
