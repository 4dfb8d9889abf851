import { Type } from 'typebox'
import { networkOf } from '../http/network.ts'
import { BODY_PROBLEMS, pick, problemResponses } from '../http/problem.ts'
import type { HttpServer } from '../http/server.ts'
import { LIMIT_PROBLEMS } from '../limits/errors.ts'
import { ACCOUNT_PROBLEMS } from './errors.ts'
import { type MakeDeviceKnownNeeds, makeDeviceKnown } from './make-device-known.ts'

/** `/v1/device-tokens`. */
export function deviceRoutes(server: HttpServer, needs: MakeDeviceKnownNeeds): void {
  server.post(
    '/v1/device-tokens',
    {
      schema: {
        operationId: 'createDeviceToken',
        summary: 'Make a device known',
        description:
          'When guesses have blocked sign-in at an address, its owner is sent an email with a link. The token in the ' +
          'link gives one device a device token, and the same one again for a minute: sent along with a sign-in, it takes the place of the limits of ' +
          'the address and the network. Signing in still takes the password.',
        tags: ['Accounts'],
        body: Type.Object(
          { token: Type.String({ description: 'authsvc_dl_…, from the link in the email' }) },
          { additionalProperties: false },
        ),
        response: {
          201: Type.Object(
            { device_token: Type.String({ description: 'authsvc_dt_…: send it along at sign-ins on this device' }) },
            { description: 'The device is known' },
          ),
          ...problemResponses({
            ...BODY_PROBLEMS,
            ...LIMIT_PROBLEMS,
            ...pick(ACCOUNT_PROBLEMS, 'device_link_unusable'),
          }),
        },
      },
    },
    async (request, reply) => {
      const deviceToken = await makeDeviceKnown(needs, request.body.token, networkOf(request.ip))
      return reply.code(201).send({ device_token: deviceToken })
    },
  )
}
