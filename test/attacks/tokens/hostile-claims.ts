import type { HostileToken, Json, TokenForge } from './token-forge.ts'

/**
 * Tokens that the service's own key signed, whose claims are not those of an access token for it: what a fault in
 * another place, or another service with the same key, could have made.
 *
 * @param now seconds
 */
export function hostileClaims(forge: TokenForge, now: number): HostileToken[] {
  const { iss, aud, sub, sid, client_id } = forge.claims as Record<string, string>
  const claims: Record<string, Json[]> = {
    iss: absentOr('iss', [
      `${iss}/`,
      `${iss}.attacker.example`,
      iss!.toUpperCase(),
      [iss],
      { iss },
      '',
      'https://other.example',
    ]),
    aud: absentOr('aud', [`${aud}/`, `${aud} `, [aud], [aud, 'https://other.example'], [], { aud }, '', client_id]),
    exp: [
      ...absentOr('exp', [now - 1, now - 61, 0, -1, `${now + 300}`, [now + 300], true, '1e99']),
      { exp: now - 1, nbf: now - 300 },
    ],
    nbf: [{ nbf: now + 61 }, { nbf: `${now}` }, { nbf: null }, { nbf: [0] }],
    iat: absentOr('iat', [`${now}`, [now], true]),
    sub: absentOr('sub', [1, [sub], { sub }, true]),
    sid: absentOr('sid', [1, [sid], { sid }, true]),
    client_id: absentOr('client_id', ['other', `${client_id} `, [client_id], 1]),
    jti: [{ jti: undefined }],
  }
  const tokens = Object.entries(claims).flatMap(([name, each]) =>
    each.map(claim => ({ name: `${name}: ${JSON.stringify(claim)}`, token: forge.ours({}, claim) })),
  )
  return [...tokens, ...hostileJson(forge)]
}

const absentOr = (name: string, values: unknown[]): Json[] =>
  [undefined, null, ...values].map(value => ({ [name]: value }))

/** Payloads and headers that are no JSON object, or say one thing twice; RFC 7515 section 4 lets the last count. */
function hostileJson(forge: TokenForge): HostileToken[] {
  const header = JSON.stringify(forge.header)
  const claims = JSON.stringify(forge.claims)
  const last = (text: string, more: string) => `${text.slice(0, -1)},${more}}`
  const texts: Record<string, [header: string, claims: string | Buffer]> = {
    'alg twice, none last': [last(header, '"alg":"none"'), claims],
    'typ twice, another last': [last(header, '"typ":"JWT"'), claims],
    'iss twice, another last': [header, last(claims, '"iss":"https://other.example"')],
    'aud twice, another last': [header, last(claims, '"aud":"https://other.example"')],
    'exp twice, past last': [header, last(claims, '"exp":1')],
    'client_id twice, another last': [header, last(claims, '"client_id":"other"')],
    'a payload of []': [header, '[]'],
    'a payload of null': [header, 'null'],
    'a payload of a number': [header, '1'],
    'a payload of a string': [header, JSON.stringify(claims)],
    'an array around the claims': [header, `[${claims}]`],
    'an empty payload': [header, ''],
    'claims behind other claims': [header, `{}${claims}`],
    'claims that end early': [header, claims.slice(0, -1)],
    'claims that are not UTF-8': [
      header,
      Buffer.concat([Buffer.from(claims.slice(0, -2)), Buffer.from([0xff, 0x22, 0x7d])]),
    ],
    'comments in the claims': [header, claims.replace('{', '{/**/')],
    'single quotes': [header, claims.replaceAll('"', "'")],
    'a header of []': ['[]', claims],
    'a header of null': ['null', claims],
    'a header of a string': [JSON.stringify(header), claims],
    'an empty header': ['', claims],
    'an empty object as header': ['{}', claims],
    'a header of 100 KB by the attacker': [last(header, `"x":"${'x'.repeat(100_000)}"`), claims],
  }
  return Object.entries(texts).map(([name, [head, payload]]) => ({
    name: `JSON: ${name}`,
    token: name.endsWith('by the attacker')
      ? forge.signed(head, payload, forge.attacker.privateKey)
      : forge.oursFromText(head, payload),
  }))
}
