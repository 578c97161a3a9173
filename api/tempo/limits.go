package tempo

// maxShownBytes bounds what an error repeats of a request.
const maxShownBytes = 100

// secondDigits is how many digits a time has at most that is in seconds: with so many
// the year is 2286, and in nanoseconds it would be ten seconds past 1970.
const secondDigits = 10
