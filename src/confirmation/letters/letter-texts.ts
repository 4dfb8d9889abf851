import type { Language } from '../../http/language.ts'

type Facts = { serviceName: string; email: string; at: string }
type Words = { subject: string; greeting: string; before: string[]; action: string; after: string[] }

type Texts = {
  confirmation(facts: Facts & { hours: number }): Words
  accountExists(facts: Facts): Words
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
        `The link is good for ${hours} h. In the browser that you signed up with, one click confirms; ` +
          'in any other, you will be asked for the password that you chose.',
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
  },
  ru: {
    confirmation: ({ serviceName, email, at, hours }) => ({
      subject: `Подтвердите адрес для ${serviceName}`,
      greeting: 'Здравствуйте!',
      before: [`Кто-то, скорее всего вы, создал учётную запись в ${serviceName} с адресом ${email}: ${at}.`],
      action: 'Подтвердить адрес',
      after: [
        `Ссылка действует ${hours} ч. В том браузере, в котором создана учётная запись, достаточно одного нажатия; ` +
          'в любом другом понадобится выбранный вами пароль.',
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
  },
}
