// Phone numbers of Brazil: WhatsApp knows some mobiles with the ninth digit, and some that are older without.

/** The form under which a number is remembered: Brazilian mobiles with their ninth digit; as contact_key in Python. */
export function contactKey(number) {
  return /^55[1-9][1-9][6-9]\d{7}$/.test(number) ? `${number.slice(0, 4)}9${number.slice(4)}` : number;
}

/** The ways WhatsApp may know a number, likelier first. Landlines (2 to 5 behind the area code) never had a ninth digit. */
export function variants(number) {
  const whole = contactKey(number);
  return /^55[1-9][1-9]9[6-9]\d{7}$/.test(whole) ? [whole, whole.slice(0, 4) + whole.slice(5)] : [number];
}
