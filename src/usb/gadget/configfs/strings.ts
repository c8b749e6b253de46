/** The folders `strings` of drivers/usb/gadget/configfs.c: texts in several languages. */
import { Errno } from '../../../abi/index.ts';
import { kstrtou16 } from '../../../kernel/index.ts';
import { type ConfigAttribute, ConfigGroup, ConfigItem, type ConfigItemType } from '../../../vfs/pseudo/index.ts';
import { isLanguage, USB_MAX_STRING_LEN } from '../composite-strings.ts';
import type { UsbGadgetStrings } from '../usb-function.ts';
import { cString, RO, RW, withoutNewline } from './attributes.ts';

/** MAX_USB_STRING_LANGS. */
const LANGUAGES_MAX = 2;
/** Numbers of strings end at 254, so a language has no room for more. */
const STRINGS_MAX = 254;

/** usb_string_copy. @throws Errno EOVERFLOW for what is too long, its newline included; EINVAL for no text */
function checkedText(given: string): string {
  const text = cString(given);
  if (text.length > USB_MAX_STRING_LEN) throw new Errno('EOVERFLOW', `a string has at most ${USB_MAX_STRING_LEN} bytes`);
  if (text.length < 1) throw new Errno('EINVAL', 'there is no text');
  return withoutNewline(text);
}

/** A text with a name of its own: `strings/0x409/NAME`. */
class ExtraString extends ConfigItem {
  id: number;
  text = '';

  constructor(name: string, id: number) {
    super(name, extraType);
    this.id = id;
  }
}

const extraType: ConfigItemType<ExtraString> = {
  attributes: [
    { name: 'id', mode: RO, show: ({ id }) => `${id}\n` },
    {
      name: 's',
      mode: RW,
      show: ({ text }) => `${text}\n`,
      store(item, given) {
        if (given.length > USB_MAX_STRING_LEN) throw new Errno('EINVAL', `a string has at most ${USB_MAX_STRING_LEN} bytes`);
        // Of the longest one, the last byte has to make room for the NUL.
        item.text = cString(withoutNewline(given)).slice(0, USB_MAX_STRING_LEN - 1);
      },
    },
  ],
};

/** `strings/LANGUAGE`: the fixed texts, then those that programs add. */
class Language extends ConfigGroup {
  readonly language: number;
  readonly texts = new Map<string, string>();
  readonly extra: ExtraString[] = [];

  constructor(name: string, language: number, type: ConfigItemType<Language>) {
    super(name, type);
    this.language = language;
  }
}

/** Texts of a gadget or a configuration. */
export class StringsGroup extends ConfigGroup {
  readonly #fixed: readonly string[];
  readonly #languages: Language[] = [];

  /** @param fixed names of the texts that each language has @param isOpen whether programs may add others */
  constructor(fixed: readonly string[], isOpen: boolean) {
    const attributes = fixed.map(
      (name): ConfigAttribute<Language> => ({
        name,
        mode: RW,
        show: ({ texts }) => `${texts.get(name) ?? ''}\n`,
        store: ({ texts }, given) => void texts.set(name, checkedText(given)),
      }),
    );
    const languageType: ConfigItemType<Language> = isOpen ? { attributes, ...openLanguage(fixed.length) } : { attributes };
    super('strings', {
      makeGroup: (_group, name) => this.#make(name, languageType),
      dropItem: (_group, item) => {
        this.#languages.splice(this.#languages.indexOf(item as Language), 1);
        item.put();
      },
    });
    this.#fixed = fixed;
  }

  #make(name: string, type: ConfigItemType<Language>): Language {
    const language = kstrtou16(name);
    if (!isLanguage(language)) throw new Errno('EINVAL', `0x${language.toString(16)} is no language`);
    if (this.#languages.some((one) => one.language === language)) throw new Errno('EEXIST', `there is a folder for ${name} already`);
    if (this.#languages.length >= LANGUAGES_MAX) throw new Errno('EOVERFLOW', `there are ${LANGUAGES_MAX} languages already`);
    const made = new Language(name, language, type);
    this.#languages.push(made);
    return made;
  }

  /**
   * Its tables, one for each language, with numbers from `first` on.
   *
   * @param takeIds usb_string_ids_n
   * @throws Errno EINVAL when languages have different numbers of strings; what `takeIds` says
   */
  tables(takeIds: (count: number) => number): readonly UsbGadgetStrings[] {
    if (this.#languages.length === 0) return [];
    const texts = this.#languages.map(({ texts, extra }) => [
      ...this.#fixed.map((name) => texts.get(name) ?? ''),
      ...extra.map(({ text }) => text),
    ]);
    const count = (texts[0] as string[]).length;
    if (texts.some((one) => one.length !== count)) throw new Errno('EINVAL', 'languages have different numbers of strings');
    const first = takeIds(count);
    return this.#languages.map(({ language }, index) => ({
      language,
      strings: (texts[index] as string[]).map((s, at) => ({ id: first + at, s })),
    }));
  }
}

/** Numbers of added strings begin behind the fixed ones, and close up when one goes. */
const openLanguage = (first: number): ConfigItemType<Language> => ({
  makeItem({ extra }, name) {
    if (first + extra.length >= STRINGS_MAX) throw new Errno('E2BIG', `a language has at most ${STRINGS_MAX} strings`);
    const made = new ExtraString(name, first + extra.length);
    extra.push(made);
    return made;
  },
  dropItem({ extra }, item) {
    extra.splice(extra.indexOf(item as ExtraString), 1);
    for (const [index, left] of extra.entries()) left.id = first + index;
    item.put();
  },
});
