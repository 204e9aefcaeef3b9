/** A URL as others may see it: who is to ask, and with which password, goes. What is no URL stays as it is. */
export function withoutCredentials(text: string): string {
  return text.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#]*@/, "$1");
}
