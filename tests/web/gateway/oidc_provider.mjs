// A real OpenID Connect provider, oidc-provider, that logs in one person whenever a browser comes.
// It prints its port. The paths below /control/ are for the tests: the person's claims, and new keys.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { Provider } from 'oidc-provider';

const settings = JSON.parse(process.argv[2]);
let person = settings.person;
let provider;

function newProvider(port) {
  const kid = randomUUID();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const found = new Provider(`http://127.0.0.1:${port}`, {
    clients: settings.clients,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['only for tests'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['groups'] },
    conformIdTokenClaims: false,
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ ...person, sub: id }) }),
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  });
  return found;
}

async function interact(request, response) {
  const { prompt, params } = await provider.interactionDetails(request, response);
  let result = { login: { accountId: person.sub } };
  if (prompt.name === 'consent') {
    const grant = new provider.Grant({ accountId: person.sub, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

function control(request, response, port) {
  let body = '';
  request.on('data', (piece) => { body += piece; });
  request.on('end', () => {
    if (request.url === '/control/person') person = JSON.parse(body);
    if (request.url === '/control/rotate') provider = newProvider(port);
    response.end('{}');
  });
}

const server = createServer((request, response) => {
  if (request.url.startsWith('/control/')) control(request, response, server.address().port);
  else if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => { response.statusCode = 500; response.end(String(error)); });
  } else provider.callback()(request, response);
});
server.listen(0, '127.0.0.1', () => {
  provider = newProvider(server.address().port);
  process.stdout.write(`\nport ${server.address().port}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
