// Runs before htmx. Every page carries require-trusted-types-for 'script', so a string that is about to become markup passes through
// here first. htmx hands over the server's own answers, in which people's words are escaped: a raw tag of these kinds cannot be ours.
// There is no createScript and no createScriptURL: text never becomes code.
if (window.trustedTypes) trustedTypes.createPolicy('default', {
  createHTML: html => {
    if (/<(script|iframe|object|embed|base|meta|link)\b/i.test(html.replace(/^[^]*?<\/head>/i, ''))) throw new TypeError('refused markup');
    return html;
  },
});
