// Ends the server when the test process that holds its standard input is gone, however it died.
process.stdin.on('end', () => process.exit()).resume();
