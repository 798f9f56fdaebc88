// register signs a device in over SIP over WebSocket (RFC 7118) with one digest challenge of SHA-256 (RFC 8760), and returns the
// status lines that came and what the challenge asked for. It is a test's own client, as small as such a client can be.
async function register({ address, domain, username, password }) {
  const hex = async (text) => {
    const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return Array.from(new Uint8Array(sum), (b) => b.toString(16).padStart(2, "0")).join("");
  };
  const token = () => crypto.randomUUID().replaceAll("-", "");
  const socket = new WebSocket(address, "sip");
  await new Promise((opened, failed) => {
    socket.onopen = opened;
    socket.onerror = () => failed(new Error("the connection was refused"));
  });
  const host = token() + ".invalid";
  const call = token();
  const tag = token();
  const ask = (sequence, more) => new Promise((answered, failed) => {
    const timer = setTimeout(() => failed(new Error("no answer within 20 s")), 20000);
    socket.onclose = () => failed(new Error("the connection was closed"));
    socket.onmessage = async (m) => {
      clearTimeout(timer);
      answered(typeof m.data === "string" ? m.data : await m.data.text());
    };
    socket.send([
      `REGISTER sip:${domain} SIP/2.0`,
      `Via: SIP/2.0/WS ${host};branch=z9hG4bK${token()}`,
      "Max-Forwards: 70",
      `From: <sip:${username}@${domain}>;tag=${tag}`,
      `To: <sip:${username}@${domain}>`,
      `Call-ID: ${call}`,
      `CSeq: ${sequence} REGISTER`,
      `Contact: <sip:${username}@${host};transport=ws>`,
      "Expires: 300",
      ...more,
      "Content-Length: 0",
      "", "",
    ].join("\r\n"));
  });
  const first = await ask(1, []);
  const challenges = first.match(/^WWW-Authenticate:.*$/gim) || [];
  const value = (name) => (challenges[0].match(new RegExp(`[ ,]${name}="?([^",]*)`, "i")) || [])[1];
  const cnonce = token();
  const uri = `sip:${domain}`;
  const ha1 = await hex(`${username}:${value("realm")}:${password}`);
  const ha2 = await hex(`REGISTER:${uri}`);
  const response = await hex(`${ha1}:${value("nonce")}:00000001:${cnonce}:auth:${ha2}`);
  const second = await ask(2, [
    `Authorization: Digest username="${username}", realm="${value("realm")}", nonce="${value("nonce")}", uri="${uri}", ` +
    `response="${response}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="${cnonce}"`,
  ]);
  socket.close();
  return { first: first.split("\r\n")[0], challenges: challenges.length, algorithm: value("algorithm"), realm: value("realm"), second: second.split("\r\n")[0], contact: (second.match(/^Contact:.*$/im) || [""])[0] };
}
