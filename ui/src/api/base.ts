/** basePath is where the server is, without a trailing slash: what <base href> says. */
export const basePath = new URL(document.baseURI).pathname.replace(/\/[^/]*$/, "");
