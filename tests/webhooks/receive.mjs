// Takes one webhook, verified by the page's own lines.
//
// receive.mjs SECRET PAGE prints the port, then the event's type once it has come.
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [secret, page] = process.argv.slice(2);
const snippet = readFileSync(page, "utf8").match(/```js\n(.*?)```/s)[1];
const { verify } = await import(`data:text/javascript,${encodeURIComponent(snippet)}`);

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  verify(secret, request.headers, body);
  const forged = Buffer.from(body.toString().replace("lobby", "other"));
  assert(!forged.equals(body));
  assert.throws(() => verify(secret, request.headers, forged), /not signed/);
  const late = { ...request.headers, "webhook-timestamp": "1600000000" };
  assert.throws(() => verify(secret, late, body), /too old/);
  response.writeHead(204).end();
  console.log(JSON.parse(body).type);
  server.close();
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
