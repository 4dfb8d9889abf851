import type { Language } from '../../http/language.ts'

type Facts = { serviceName: string; email: string; at: string }
type Words = { subject: string; greeting: string; before: string[]; action: string; after: string[] }

type Texts = {
  confirmation(facts: Facts & { hours: number }): Words
  accountExists(facts: Facts): Words
  deviceLink(facts: Facts & { hours: number }): Words
}

/** The words of each letter. Without counted nouns where a language has many forms for them. */
export const LETTER_TEXTS: Record<Language, Texts> = {
  en: {
    confirmation: ({ serviceName, email, at, hours }) => ({
      subject: `Confirm your address for ${serviceName}`,
      greeting: 'Hello,',
      before: [`somebody, most likely you, signed up for ${serviceName} with the address ${email} on ${at}.`],
      action: 'Confirm the address',
      after: [
        `The link is good for ${hours} h. In the browser that you signed up with, one click confirms within the first hour; ` +
          'later, and in any other, you will be asked for the password that you chose.',
        'If the link has expired, sign up again: that always works.',
        'If it was not you, leave this letter as it is. Without your click nobody can use the address.',
      ],
    }),
    accountExists: ({ serviceName, email, at }) => ({
      subject: `You have an account at ${serviceName} already`,
      greeting: 'Hello,',
      before: [
        `somebody, most likely you, signed up for ${serviceName} with the address ${email} on ${at}, or asked for a ` +
          'confirmation letter. There is an account of this address already, so there is nothing to confirm.',
      ],
      action: 'Sign in with its password',
      after: [
        'If it was not you, leave this letter as it is. Nothing has changed, and nobody was told about the account.',
      ],
    }),
    deviceLink: ({ serviceName, email, at, hours }) => ({
      subject: `Sign-in to ${serviceName} from new devices is paused`,
      greeting: `Sign-in to ${serviceName} from new devices is paused: too many wrong passwords were tried for ${email}.`,
      before: [
        `It was last refused on ${at}. To sign in from a new device now, open the link below on that device; then sign ` +
          'in with your password as usual.',
      ],
      action: 'Allow sign-in from this device',
      after: [
        `The link works once and is good for ${hours} h. Do not pass it on.`,
        'Devices that you have signed in on before are not affected. If you are not trying to sign in, ignore this ' +
          'email: nobody got in, and your password is unchanged.',
      ],
    }),
  },
  ru: {
    confirmation: ({ serviceName, email, at, hours }) => ({
      subject: `Подтвердите адрес для ${serviceName}`,
      greeting: 'Здравствуйте!',
      before: [`Кто-то, скорее всего вы, создал учётную запись в ${serviceName} с адресом ${email}: ${at}.`],
      action: 'Подтвердить адрес',
      after: [
        `Ссылка действует ${hours} ч. В том браузере, в котором создана учётная запись, в течение первого часа достаточно ` +
          'одного нажатия; позже и в любом другом понадобится выбранный вами пароль.',
        'Если срок ссылки истёк, создайте учётную запись заново: это всегда возможно.',
        'Если это были не вы, ничего не делайте. Без вашего нажатия никто не сможет пользоваться адресом.',
      ],
    }),
    accountExists: ({ serviceName, email, at }) => ({
      subject: `У вас уже есть учётная запись в ${serviceName}`,
      greeting: 'Здравствуйте!',
      before: [
        `Кто-то, скорее всего вы, создавал учётную запись в ${serviceName} с адресом ${email} (${at}) или просил ` +
          'письмо с подтверждением. У этого адреса уже есть учётная запись, подтверждать ничего не нужно.',
      ],
      action: 'Войти с её паролем',
      after: ['Если это были не вы, ничего не делайте. Ничего не изменилось, и никто не узнал об учётной записи.'],
    }),
    deviceLink: ({ serviceName, email, at, hours }) => ({
      subject: `Вход в ${serviceName} с новых устройств приостановлен`,
      greeting: `Вход в ${serviceName} с новых устройств приостановлен: для ${email} слишком много раз введён неверный пароль.`,
      before: [
        `Последняя попытка отклонена: ${at}. Чтобы сейчас войти с нового устройства, откройте на нём ссылку ниже, ` +
          'а затем войдите как обычно, со своим паролем.',
      ],
      action: 'Разрешить вход с этого устройства',
      after: [
        `Ссылка сработает один раз и действует ${hours} ч. Никому её не передавайте.`,
        'Устройств, с которых вы уже входили, это не касается. Если вы сейчас не входите, ничего не делайте: ' +
          'никто не вошёл, пароль не изменился.',
      ],
    }),
  },
}
