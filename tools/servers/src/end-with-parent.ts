// Loaded into a service before its own code: it is told to end once the channel to who started it is closed, however that one ended.

process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
