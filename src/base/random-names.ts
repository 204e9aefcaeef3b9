/** Names for containers that nobody named: `adjective_surname`. */

const ADJECTIVES: readonly string[] = (
  "able agile airy amber ample apt ardent artful astute avid balmy beaming bold bonny brave " +
  "breezy bright brisk buoyant calm candid careful cheery civil clear clever cosy crafty crisp " +
  "curious dapper daring dazzling deft deep devoted dreamy driven eager early earnest easy " +
  "eloquent epic exact fair famous fancy fearless fervent fiery fine firm fleet fluent focused " +
  "fond frank free fresh frosty funny gallant generous gentle gifted glad gleaming golden good " +
  "graceful grand grateful great handy happy hardy hearty helpful heroic honest hopeful humble " +
  "ideal idle inventive jaunty jolly jovial joyful keen kind lasting lively loyal lucid lucky " +
  "lunar magical mellow merry mighty mindful modest musing neat nimble noble novel open orderly " +
  "patient peaceful placid playful pleasant polite precise prudent quick quiet quirky radiant " +
  "rapid ready relaxed robust rosy sacred sage serene sharp shining silent silver simple sincere " +
  "sleek smart smooth snug solar sound spry stable steady stellar stoic sunny sure swift tender " +
  "thorough tidy tranquil trusting upbeat vigilant vivid warm wary wise witty worthy zany zealous zen"
).split(" ");

const SURNAMES: readonly string[] = (
  "abel agnesi ampere anning archimedes avogadro babbage banach banneker bardeen bell bernoulli " +
  "bessel bohr boltzmann boole born bose boyle brahe brahmagupta brattain brown burnell cannon " +
  "cantor carson cartwright carver cavendish cerf chandrasekhar chatelet church clarke copernicus " +
  "cori coulomb cray curie dalton darwin davy diffie dijkstra dirac easley edison einstein elion " +
  "engelbart eratosthenes erdos euclid euler faraday fermat fermi feynman fibonacci fleming " +
  "fourier franklin fresnel galileo galois galvani gauss germain goodall goldberg hamilton " +
  "harvey hawking heaviside heisenberg hellman hermite hertz herschel hilbert hodgkin hopper " +
  "hubble huygens hypatia jackson jemison jenner johnson joliot joule kalam kay kelvin kepler " +
  "khayyam knuth kovalevskaya lagrange lamarr landau laplace lavoisier leakey leavitt leibniz " +
  "liskov lovelace mach marconi maxwell mayer mcclintock mclean meitner mendel mendeleev " +
  "merian michelson mirzakhani moore morse napier nash newton nightingale nobel noether oersted " +
  "ohm oppenheimer panini pascal pasteur pauli pauling payne perlman planck poincare poisson " +
  "ptolemy raman ramanujan ride riemann ritchie rontgen rubin rutherford sagan salk sammet " +
  "shannon shaw shirley shockley sinoussi snow sutherland swartz tesla tharp thompson torvalds " +
  "turing varahamihira vaughan villani volta wescoff wilbur wiles wilson wing wozniak wright wu " +
  "yalow yonath zhukovsky"
).split(" ");

/**
 * @param random From 0 up to but not including 1.
 * @param attempt 0 first; from 1 on, after a clash, a digit is put behind, as in Docker.
 * @returns A name of the form `^[a-z]+_[a-z]+[0-9]?$`.
 */
export function randomName(random: () => number, attempt = 0): string {
  const pick = (list: readonly string[]): string =>
    list[Math.floor(random() * list.length)] ?? list[0] ?? "";
  const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}`;
  return attempt === 0 ? name : name + Math.floor(random() * 10);
}
