// Addresses that only processes of this machine reach.

/** Whether an address to listen on, or a host's name, is one. Another spelling of one, such as IPv4 within IPv6, is taken for none. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}
