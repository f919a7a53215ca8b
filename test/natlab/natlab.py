#!/usr/bin/env python3
"""natlab: a NAT laboratory out of Linux network namespaces (root, nftables, Python 3.11 stdlib).

  natlab.py kinds
  natlab.py up    [-n NAME] SITE...             build a lab and leave it there
  natlab.py exec  [-n NAME] HOST -- CMD...      run a command in a host of it
  natlab.py probe [-n NAME] [HOST...]           RFC 5780-like test: print each host's NAT behaviour
  natlab.py forget [-n NAME] SITE...            its router forgets every mapping and connection, as when its table is full
  natlab.py down  [-n NAME | --all]             remove it, with every process inside it
  natlab.py run   [-n NAME] SITE... [--srv CMD] --peer HOST=CMD --peer HOST=CMD [--timeout S]
                                                up, start the server command and the peers, down; JSON on stdout

SITE is  name=kind[:option[=value]]...[@upstream]   for example
  a=portrestr  b=sym:loss=10:udpto=20  c=eim-eif  d=portrestr@c (d's router sits behind carrier NAT c)
Options: hosts=N (default 1; hosts are called a1 a2, and `a` means a1), hairpin, isolate (hosts of one LAN
cannot reach each other), loss=PERCENT (each direction), delay=MS (one way), udpto=S (UDP conntrack time-out),
v6 (global IPv6 behind a stateful firewall), net=192.168.1 (LAN prefix), upnp (miniupnpd, if it is installed).
A router (203.0.113.1) that counts as 6 hops is between all that is public. The server host is `srv`: 203.0.113.10 and .11, 2001:db8::10 and ::11. Routers and hosts without NAT have
203.0.113.20 and up. Every command gets NL_SRV, NL_SRV2, NL_HOST, NL_ADDR. No lab has a way out of itself.
"""
import argparse, concurrent.futures, ctypes, fcntl, heapq, json, os, select, shlex, signal, socket, struct, subprocess, sys, time

# kind -> (mapping, filtering, what the router does with unsolicited packets to itself)
#   mapping: kernel (Linux masquerade: keeps the port if it can), pres (keeps the port, endpoint-independent),
#            eim (endpoint-independent, random port), addr (address-dependent, random port),
#            rand / seq / blk (address+port-dependent: random / next port / random in a block of 1024)
#   filtering: eif / adf / apdf = endpoint-independent / address- / address-and-port-dependent
KINDS = {
    'open':       (None, 'eif', None),          # public address, no firewall
    'fw':         (None, 'apdf', 'drop'),       # public address behind a stateful firewall, no NAT
    'fullcone':   ('pres', 'eif', 'drop'),
    'addrrestr':  ('pres', 'adf', 'drop'),
    'portrestr':  ('kernel', 'apdf', 'drop'),   # the usual Linux home router
    'portrestr-rej':  ('kernel', 'apdf', 'reject'),   # same, answers with ICMP port unreachable (OpenWrt default)
    'portrestr-open': ('kernel', 'apdf', 'accept'),   # same, no input firewall: an early packet takes the port
    'eim':        ('eim', 'apdf', 'drop'),      # endpoint-independent, does not keep the port
    'eim-eif':    ('eim', 'eif', 'drop'),       # carrier-grade NAT as RFC 6888 wants it
    'symaddr':    ('addr', 'apdf', 'drop'),
    'symseq':     ('seq', 'apdf', 'drop'),
    'symblk':     ('blk', 'apdf', 'drop'),
    'sym':        ('rand', 'apdf', 'drop'),
    'udpblock':   ('kernel', 'apdf', 'drop'),   # TCP passes, UDP is dropped
}
SRV, SRV2, SRV6 = '203.0.113.10', '203.0.113.11', '2001:db8::10'
UPNP_IP = '192.0.1.1'     # what miniupnpd says is its outside address: it refuses to say 203.0.113.x, which is reserved
HOPS = 6
SEQ0, SEQN = 20000, 4096
ME = os.path.abspath(__file__)


def sh(argv, stdin=None, check=True):
    r = subprocess.run(argv, input=stdin, text=True, capture_output=True)
    if check and r.returncode:
        raise RuntimeError(f'{argv}: {r.stderr.strip()}\n{stdin or ""}')
    return r


class Site:
    def __init__(self, spec, idx):
        self.name, rest = spec.split('=', 1)
        rest, _, self.up = rest.partition('@')
        self.kind, *opts = rest.split(':')
        if self.kind not in KINDS or not self.name.isalpha() or len(self.name) > 8:
            raise SystemExit(f'natlab: bad site {spec!r} (the name: up to 8 letters); kinds: {" ".join(KINDS)}')
        self.opt = dict((o.partition('=')[0], o.partition('=')[2] or '1') for o in opts)
        bad = set(self.opt) - {'hosts', 'hairpin', 'isolate', 'loss', 'delay', 'udpto', 'v6', 'net', 'upnp'}
        if bad:
            raise SystemExit(f'natlab: unknown option {sorted(bad)} in {spec!r}')
        self.map, self.filt, self.inp = KINDS[self.kind]
        self.idx, self.hosts = idx, int(self.opt.get('hosts', 1))
        self.carrier = False            # set when another site sits behind this one
        self.children = 0

    @property
    def routed(self):
        return self.kind != 'open'

    @property
    def net(self):
        if self.kind == 'fw':
            return f'198.18.{self.idx}'
        return self.opt.get('net') or (f'100.64.{self.idx}' if self.carrier else f'192.168.{self.idx}')


class Lab:
    def __init__(self, specs=(), name='lab'):
        self.name, self.specs, self.procs = name, list(specs), []
        self.sites = {}
        for i, s in enumerate(self.specs, 1):
            site = Site(s, i)
            self.sites[site.name] = site
        for s in self.sites.values():
            if s.up:
                self.sites[s.up].carrier = True
        self.addr = {'srv': SRV}        # host -> its own IPv4 address
        self.state = f'/run/nl-{name}.json'

    # ---- names
    def ns(self, host):
        if host in self.sites:
            host += '1'
        return f'nl-{self.name}-{host}'

    def hosts(self):
        return [f'{s.name}{k}' for s in self.sites.values() if not s.carrier for k in range(1, s.hosts + 1)]

    @classmethod
    def load(cls, name):
        with open(f'/run/nl-{name}.json') as f:
            st = json.load(f)
        lab = cls(st['specs'], name)
        lab.addr = st['addr']
        return lab

    # ---- build
    def up(self):
        if os.path.exists(self.state):
            self.down()
        links, conf, files, slow = [], {}, {}, []  # slow: sites with a delay line
        add = lambda ns, *lines: conf.setdefault(ns, ['link set lo up']).extend(lines)
        pub, srv = self.ns('pub'), self.ns('srv')
        names = [pub, srv]
        # the core counts as HOPS hops: what would not live that long does not come through (first packets with a low TTL)
        core = [f'ip ttl < {HOPS + 1} drop']
        add(pub, 'link add br0 type bridge', 'link set br0 up', 'addr add 203.0.113.1/24 dev br0',
            'addr add 2001:db8::1/64 dev br0 nodad')
        for n in ('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'):
            add(pub, f'route add blackhole {n}')        # what an ISP does with private destinations

        def plug(ns, dev, port, delay=None):            # a cable from a device to the public bridge
            if delay:
                links.append(f'link add {dev} netns {ns} type veth peer name w-{port} netns {pub}')
                links.append(f'link add x-{port} netns {pub} type veth peer name p-{port} netns {pub}')
                add(pub, f'link set w-{port} up', f'link set x-{port} up')
                slow.append((port, delay, ns, dev))
            else:
                links.append(f'link add {dev} netns {ns} type veth peer name p-{port} netns {pub}')
            add(pub, f'link set p-{port} master br0', f'link set p-{port} up')

        plug(srv, 'eth0', 'srv')
        hop = lambda dev: (f'link set {dev} up', f'route add 203.0.113.1 dev {dev}', f'route add default via 203.0.113.1')
        add(srv, *(f'addr add 203.0.113.{h}/32 dev eth0' for h in (10, 11)),
            *(f'addr add 2001:db8::{h}/64 dev eth0 nodad' for h in (10, 11)), *hop('eth0'), 'route add default via 2001:db8::1')
        for s in self.sites.values():
            v6 = 'v6' in s.opt
            if not s.routed:
                for k in range(1, s.hosts + 1):
                    h, ip = f'{s.name}{k}', f'203.0.113.{20 + s.idx * 4 + k}'
                    names.append(self.ns(h))
                    plug(self.ns(h), 'eth0', h, s.opt.get('delay'))
                    add(self.ns(h), f'addr add {ip}/32 dev eth0', *hop('eth0'))
                    if v6:
                        add(self.ns(h), f'addr add 2001:db8::{20 + s.idx * 4 + k}/64 dev eth0 nodad',
                            'route add default via 2001:db8::1')
                    if 'loss' in s.opt:              # in the core: a drop on the host itself would be an error of send()
                        core += [f'ip {d} {ip} numgen random mod 100 < {s.opt["loss"]} drop' for d in ('saddr', 'daddr')]
                    self.addr[h] = ip
                continue
            r = self.ns('r-' + s.name)
            names.append(r)
            if s.up:
                u = self.sites[s.up]
                u.children += 1
                wan = f'{u.net}.{20 + u.children}'
                ur = self.ns('r-' + u.name)
                links.append(f'link add wan netns {r} type veth peer name c-{s.name} netns {ur}')
                add(ur, f'link set c-{s.name} master lan', f'link set c-{s.name} up')
            else:
                wan = f'203.0.113.{20 + s.idx * 4}'
                plug(r, 'wan', 'r-' + s.name, s.opt.get('delay'))
            conf.setdefault(r, ['link set lo up'])[1:1] = ['link add lan type bridge', f'addr add {s.net}.1/24 dev lan', 'link set lan up']
            if s.up:
                add(r, f'addr add {wan}/24 dev wan', 'link set wan up', f'route add default via {u.net}.1')
            else:
                add(r, f'addr add {wan}/32 dev wan', *hop('wan'))
            self.addr['r-' + s.name] = wan
            if s.kind == 'fw':
                add(pub, f'route add {s.net}.0/24 via {wan}')
            if v6 and not s.up:
                add(r, f'addr add 2001:db8::{20 + s.idx * 4}/64 dev wan nodad', f'addr add 2001:db8:{s.idx}::1/64 dev lan nodad',
                    'route add default via 2001:db8::1')
                add(pub, f'route add 2001:db8:{s.idx}::/64 via 2001:db8::{20 + s.idx * 4}')
            for k in range(1, s.hosts + 1) if not s.carrier else ():
                h = f'{s.name}{k}'
                n = self.ns(h)
                names.append(n)
                links.append(f'link add eth0 netns {n} type veth peer name h{k} netns {r}')
                add(r, f'link set h{k} master lan', f'link set h{k} up')
                if 'isolate' in s.opt:
                    add(r, f'link set h{k} type bridge_slave isolated on')
                add(n, f'addr add {s.net}.{9 + k}/24 dev eth0', 'link set eth0 up', f'route add default via {s.net}.1')
                if v6 and not s.up:
                    add(n, f'addr add 2001:db8:{s.idx}::{9 + k}/64 dev eth0 nodad', f'route add default via 2001:db8:{s.idx}::1')
                self.addr[h] = f'{s.net}.{9 + k}'
            files[r] = nat_rules(s, wan)

        files[pub] = 'table ip core {\n chain f { type filter hook forward priority 0;\n' + '\n'.join(core) + '\n }\n}'
        with open(self.state, 'w') as f:
            json.dump({'specs': self.specs, 'addr': self.addr, 'ns': names}, f)
        try:
            sh(['ip', '-batch', '-'], '\n'.join(f'netns add {n}' for n in names))
            sh(['ip', '-batch', '-'], '\n'.join(links))
            fwd = [pub] + [self.ns('r-' + s.name) for s in self.sites.values() if s.routed]
            jobs = []
            for n in names:
                script = ('cd /proc/sys/net; w() { [ ! -e $2 ] || echo $1 > $2; }; '
                          'w 0 bridge/bridge-nf-call-iptables; w 0 bridge/bridge-nf-call-ip6tables; '
                          'for i in default all; do w 0 ipv4/conf/$i/send_redirects; w 0 ipv4/conf/$i/rp_filter; done; ')
                if n in fwd:
                    script += 'w 1 ipv4/ip_forward; w 1 ipv6/conf/all/forwarding; '
                s = next((s for s in self.sites.values() if s.routed and n == self.ns('r-' + s.name)), None)
                if s and 'udpto' in s.opt:
                    script += ''.join(f'w {s.opt["udpto"]} netfilter/nf_conntrack_udp_timeout{x}; ' for x in ('', '_stream'))
                script += f'ip -batch - <<"E" || exit 1\n' + '\n'.join(conf[n]) + '\nE\n'
                if n in files:
                    script += 'nft -f - <<"E" || exit 1\n' + files[n] + '\nE\n'
                jobs.append((n, subprocess.Popen(['nsenter', f'--net=/run/netns/{n}', 'sh', '-c', script],
                                                 stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)))
            bad = [(n, err) for n, p in jobs for err in [p.communicate()[1]] if p.returncode]
            if bad:
                raise RuntimeError(bad)
            for port, _, ns, dev in slow:               # frames that Python forwards must have their checksums
                for n, d in ((ns, dev), (pub, 'p-' + port)):
                    sh(['nsenter', f'--net=/run/netns/{n}', sys.executable, ME, '_nocsum', d])
            if slow:
                subprocess.Popen(['nsenter', f'--net=/run/netns/{pub}', sys.executable, ME, '_wire'] +
                                 [f'{p}:{d}' for p, d, _, _ in slow], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True)  # nobody waits for what it prints
            end = time.time() + 5                       # the kernel may take a second to let bridge ports forward
            for n in fwd:
                while time.time() < end:
                    ports = json.loads(sh(['nsenter', f'--net=/run/netns/{n}', 'bridge', '-j', 'link']).stdout or '[]')
                    if all(p.get('state') == 'forwarding' for p in ports if 'master' in p):
                        break
                    time.sleep(0.02)
            for s in self.sites.values():
                if 'upnp' in s.opt:
                    self.upnp(s)
        except Exception:
            self.down()
            raise
        return self

    def upnp(self, s):
        d = f'/run/nl-{self.name}-{s.name}.upnp'
        with open(d, 'w') as f:
            f.write(f'ext_ifname=wan\nlistening_ip=lan\nhttp_port=5000\nenable_natpmp=yes\nenable_upnp=yes\nsecure_mode=yes\n'
                    f'uuid=00000000-0000-0000-0000-{s.idx:012}\nserial=1\nmodel_number=1\nipv6_disable=yes\n'
                    f'ext_ip={UPNP_IP}\nupnp_table_name=mini\nupnp_nat_table_name=mini\nupnp_forward_chain=miniupnpd\n'
                    'upnp_nat_chain=prerouting_miniupnpd\nupnp_nat_postrouting_chain=postrouting_miniupnpd\n'
                    f'allow 1024-65535 {s.net}.0/24 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n')
        self.popen('r-' + s.name, ['miniupnpd', '-d', '-f', d, '-P', f'/run/nl-{self.name}-{s.name}.pid'],
                   stdout=open(d + '.log', 'w'), stderr=subprocess.STDOUT)

    def down(self):
        try:
            with open(self.state) as f:
                names = json.load(f)['ns']
        except FileNotFoundError:
            return
        inodes = {}
        for n in names:
            try:
                inodes[os.stat(f'/run/netns/{n}').st_ino] = n
            except FileNotFoundError:
                pass
        for pid in filter(str.isdigit, os.listdir('/proc')):    # only processes inside this lab's namespaces
            try:
                if os.stat(f'/proc/{pid}/ns/net').st_ino in inodes and int(pid) != os.getpid():
                    os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass
        for p in self.procs:
            p.wait()
        sh(['ip', '-force', '-batch', '-'], '\n'.join(f'netns del {n}' for n in inodes.values()), check=False)
        for f in os.listdir('/run'):
            if f == f'nl-{self.name}.json' or f.startswith(f'nl-{self.name}-') and ('.upnp' in f or f.endswith('.pid')):
                os.unlink('/run/' + f)

    __enter__ = up

    def __exit__(self, *_):
        self.down()

    def forget(self, site):
        """The site's router forgets every mapping and every connection, of TCP too; its rules stay."""
        r = 'r-' + site
        for what in ('own', 'ext', 'used', 'peers'):        # only some kinds have these; nothing to forget then
            sh(self.argv(r, ['nft', 'flush', 'map' if what in ('own', 'ext') else 'set', 'ip', 'nl', what]), check=False)
        sh(self.argv(r, [sys.executable, ME, '_flush']))

    # ---- use
    def argv(self, host, cmd):
        return ['nsenter', f'--net=/run/netns/{self.ns(host)}'] + (shlex.split(cmd) if isinstance(cmd, str) else list(cmd))

    def popen(self, host, cmd, env=None, **kw):
        name = host + '1' if host in self.sites else host
        e = dict(os.environ, NL_SRV=SRV, NL_SRV2=SRV2, NL_SRV6=SRV6, NL_HOST=name, NL_ADDR=self.addr[name], **(env or {}))
        kw.setdefault('stdin', subprocess.DEVNULL)
        p = subprocess.Popen(self.argv(host, cmd), env=e, **kw)
        self.procs.append(p)
        return p

    def exec(self, host, cmd, timeout=60, **kw):
        p = self.popen(host, cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
        self.procs.remove(p)
        return subprocess.CompletedProcess(cmd, p.returncode, out, err)

    def listening(self, host, port, proto='tcp', timeout=10):
        """Wait until something listens on the port in that host."""
        end = time.time() + timeout
        flag = '-lntH' if proto == 'tcp' else '-lnuH'
        while time.time() < end:
            if sh(self.argv(host, ['ss', flag, f'sport = :{port}']), check=False).stdout.strip():
                return True
            time.sleep(0.03)
        raise TimeoutError(f'nothing listens on {proto} {port} in {host}')

    def pair(self, peers, srv=None, ready=None, timeout=20, stagger=0.0, env=None):
        """Run the server command, then every (host, command) of peers at once; a list of results in that order.
        ready: seconds to wait for the server, or a TCP port number (an int) that it will listen on."""
        ps, res, t0 = None, [], None
        if srv:
            ps = self.popen('srv', srv, env=env, stdout=subprocess.DEVNULL)
            self.listening('srv', ready) if isinstance(ready, int) else time.sleep(ready or 0.3)
        t0, run = time.time(), []
        for host, cmd in peers:
            run.append((host, self.popen(host, cmd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
            time.sleep(stagger)
        for host, p in run:
            try:
                out, err = p.communicate(timeout=max(0.1, t0 + timeout - time.time()))
            except subprocess.TimeoutExpired:
                p.kill()
                out, err = p.communicate()
            self.procs.remove(p)
            res.append({'host': host, 'rc': p.returncode, 's': round(time.time() - t0, 3), 'out': out, 'err': err})
        if ps:
            ps.kill()
            ps.wait()
            self.procs.remove(ps)
        return res

    def probe(self, hosts=None):
        srv = self.popen('srv', [sys.executable, ME, '_echo'])
        try:
            self.listening('srv', 3478)
            hosts = hosts or self.hosts()
            with concurrent.futures.ThreadPoolExecutor(8) as ex:
                res = ex.map(lambda h: self.exec(h, [sys.executable, ME, '_probe'], timeout=30), hosts)
            out = {h: json.loads(r.stdout) if r.returncode == 0 else {'error': r.stderr[-400:]} for h, r in zip(hosts, res)}
            return out
        finally:
            srv.kill()
            srv.wait()
            self.procs.remove(srv)


def nat_rules(s, wan):
    """The nftables rules of one router."""
    t = int(s.opt.get('udpto', 120))
    udp, out = 'meta l4proto udp', []
    learn = s.map in ('pres', 'eim', 'addr') or 'hairpin' in s.opt or s.filt in ('eif', 'adf') and s.map
    pre, post, lrn = [], [], []
    key, ktype = 'ip saddr . udp sport', 'ipv4_addr . inet_service'
    okey, rkey = 'ct original ip saddr . ct original proto-src', 'ct reply ip saddr . ct reply proto-src'
    if s.map == 'addr':
        key, ktype = key + ' . ip daddr', ktype + ' . ipv4_addr'
        okey, rkey = okey + ' . ip daddr', rkey + ' . ip daddr'
    if learn:
        out += [f' map own {{ type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout {t}s; size 65535; }}',
                f' map ext {{ type {ktype} : ipv4_addr . inet_service; flags dynamic,timeout; timeout {t}s; size 65535; }}',
                f' set used {{ type inet_service; flags dynamic,timeout; timeout {t}s; size 65535; }}',
                f' set peers {{ type inet_service . ipv4_addr; flags dynamic,timeout; timeout {t}s; size 65535; }}']
        for d, k in (('original', okey), ('reply', rkey)):  # after NAT: the outside port of an inside endpoint
            k2 = ' . '.join(k.split(' . ')[:2])
            w = f'oifname "wan" {udp} ct direction {d}'
            lrn += [f'{w} update @own {{ udp sport : {k2} }}', f'{w} update @ext {{ {k} : ip saddr . udp sport }}',
                    f'{w} update @used {{ udp sport }}', f'{w} update @peers {{ udp sport . ip daddr }}']
        if s.filt == 'eif':
            pre.append(f'iifname "wan" ip daddr {wan} {udp} dnat ip to udp dport map @own')
        if s.filt == 'adf':
            pre.append(f'iifname "wan" ip daddr {wan} {udp} udp dport . ip saddr @peers dnat ip to udp dport map @own')
        if 'hairpin' in s.opt:
            pre.append(f'iifname "lan" ip daddr {wan} {udp} dnat ip to udp dport map @own')
            post += [f'iifname "lan" oifname "lan" {udp} ct status dnat snat ip to {key} map @ext',
                     f'iifname "lan" oifname "lan" ct status dnat snat ip to {wan}' + (' fully-random' if s.map in ('rand', 'eim', 'addr') else '')]
            w = f'iifname "lan" oifname "lan" {udp} ct status snat ct direction original'
            lrn += [f'{w} update @own {{ udp sport : ct original ip saddr . ct original proto-src }}',
                    f'{w} update @ext {{ {okey} : ip saddr . udp sport }}', f'{w} update @used {{ udp sport }}']
        if s.map in ('pres', 'eim', 'addr'):
            post.append(f'oifname "wan" {udp} snat ip to {key} map @ext')
        if s.map == 'pres':
            post.append(f'oifname "wan" {udp} udp sport @used masquerade fully-random')
    if s.map == 'seq':
        ports = ', '.join(f'{i} : {SEQ0 + i}' for i in range(SEQN))
        post.append(f'oifname "wan" {udp} snat ip to {wan} : numgen inc mod {SEQN} map {{ {ports} }}')
    if s.map == 'blk':
        lo = 2048 + 1024 * s.idx
        post.append(f'oifname "wan" {udp} masquerade to :{lo}-{lo + 1023} fully-random')
    if s.map:
        post.append('oifname "wan" masquerade' + (' fully-random' if s.map in ('rand', 'eim', 'addr') else ''))
    inp = ['iifname "wan" ct state established,related accept', 'iifname "wan" icmp type echo-request accept',
           'iifname "wan" ' + ('reject' if s.inp == 'reject' else 'drop')] if s.inp != 'accept' else []
    fw = ['ct state established,related accept', 'iifname "lan" accept', 'ct status dnat accept', 'drop']
    if s.kind == 'udpblock':
        fw.insert(0, f'{udp} drop')
    raw = []
    if 'loss' in s.opt:
        raw.append(f'iifname {{ "wan", "lan" }} numgen random mod 100 < {s.opt["loss"]} drop')
    mini = ''
    if 'upnp' in s.opt:                                     # miniupnpd puts its rules into these chains
        inp[:0] = ['iifname "lan" accept']
        mini = ('table inet mini {\n chain miniupnpd { }\n chain prerouting_miniupnpd { }\n chain postrouting_miniupnpd { }\n'
                ' chain pre { type nat hook prerouting priority -101; iifname "wan" jump prerouting_miniupnpd; }\n'
                ' chain post { type nat hook postrouting priority 99; oifname "wan" jump postrouting_miniupnpd; }\n}\n')
    chain = lambda n, typ, hook, prio, rules: f' chain {n} {{ type {typ} hook {hook} priority {prio};\n' + ''.join(f'  {r}\n' for r in rules) + ' }'
    out += [chain('raw', 'filter', 'prerouting', -310, raw), chain('input', 'filter', 'input', 0, inp),
            chain('forward', 'filter', 'forward', 0, fw), chain('pre', 'nat', 'prerouting', -100, pre),
            chain('post', 'nat', 'postrouting', 100, post), chain('learn', 'filter', 'postrouting', 110, lrn)]
    v6 = [f'{udp} drop'] if s.kind == 'udpblock' else []
    v6 += ['ct state established,related accept', 'iifname "lan" accept', 'meta l4proto ipv6-icmp accept', 'drop']
    return 'table ip nl {\n' + '\n'.join(out) + '\n}\ntable ip6 nl {\n' + chain('forward', 'filter', 'forward', 0, v6) + '\n' + \
        (chain('raw', 'filter', 'prerouting', -310, raw) + '\n' if raw else '') + '}\n' + mini


# ---- helpers that run inside a namespace
def nocsum(dev):
    """Switch transmit checksum offload off (ethtool -K dev tx off)."""
    buf = ctypes.create_string_buffer(struct.pack('II', 0x17, 0))
    ifr = struct.pack('16sP8x', dev.encode(), ctypes.addressof(buf))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8946, ifr)


def flush():
    """Empty the connection tracking table (conntrack -F): one netlink message IPCTNL_MSG_CT_DELETE that names none."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as s:
        s.send(struct.pack('=IHHIIBBH', 20, 1 << 8 | 2, 5, 1, 0, 0, 0, 0))
        if error := struct.unpack('=i', s.recv(4096)[16:20])[0]:
            raise OSError(-error, os.strerror(-error))


def wire(specs):
    """Forward frames between w-PORT and x-PORT, each later by a delay: what netem would do."""
    socks, q, n = {}, [], 0
    for spec in specs:
        port, ms = spec.rsplit(':', 1)
        pr = []
        for d in 'wx':
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            s.bind((f'{d}-{port}', 3))
            s.setblocking(False)
            pr.append(s)
        socks[pr[0]], socks[pr[1]] = (pr[1], float(ms) / 1e3), (pr[0], float(ms) / 1e3)
    while True:
        wait = max(0, q[0][0] - time.monotonic()) if q else None
        for s in select.select(list(socks), [], [], wait)[0]:
            dst, d = socks[s]
            for _ in range(256):
                try:
                    data, a = s.recvfrom(65536)
                except BlockingIOError:
                    break
                if a[2] != 4:                               # not what we sent ourselves
                    n += 1
                    heapq.heappush(q, (time.monotonic() + d, n, dst, data))
        now = time.monotonic()
        while q and q[0][0] <= now:
            _, _, dst, data = heapq.heappop(q)
            try:
                dst.send(data)
            except OSError:
                pass


def echo():
    """Answer 'id flags' with the sender's address; flags: i = from the other address, p = from the other port,
    e:IP:PORT = throw one unsolicited datagram there. A TCP listener on 3478 says that it is up."""
    socks = {}
    for ip in (SRV, SRV2):
        for port in (3478, 3479):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((ip, port))
            socks[s] = (ip, port)
    by = {v: k for k, v in socks.items()}
    t = socket.create_server(('0.0.0.0', 3478))
    while True:
        for s in select.select(list(socks) + [t], [], [])[0]:
            if s is t:
                c, a = t.accept()
                c.sendall(a[0].encode())
                c.close()
                continue
            data, a = s.recvfrom(2048)
            tid, _, flags = data.decode().partition(' ')
            ip, port = socks[s]
            if flags.startswith('e:'):
                _, eip, eport = flags.split(':')
                s.sendto(b'early', (eip, int(eport)))
                flags = ''
            if 'i' in flags:
                ip = SRV2 if ip == SRV else SRV
            if 'p' in flags:
                port = 6957 - port
            by[ip, port].sendto(f'{tid} {a[0]}:{a[1]}'.encode(), a)


def probe():
    """Client of echo(): mapping, filtering, port preservation, hairpin, early-packet sensitivity."""
    def sock(port=0):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(('0.0.0.0', port))
        return s

    def ask(s, dst, flags='', tries=2, wait=0.25):
        for _ in range(tries):
            tid = os.urandom(4).hex()
            s.sendto(f'{tid} {flags}'.encode(), dst)
            end = time.monotonic() + wait
            while (left := end - time.monotonic()) > 0 and select.select([s], [], [], left)[0]:
                try:
                    d, a = s.recvfrom(2048)
                except ConnectionError:
                    continue
                if d.decode().split(' ')[0] == tid:
                    ip, port = d.decode().split(' ')[1].split(':')
                    return (ip, int(port)), a
        return None, None

    r = {}
    try:
        with socket.create_connection((SRV, 3478), 2) as c:
            r['tcp'] = c.recv(64).decode()
    except OSError:
        r['tcp'] = None
    s = sock()
    lp = s.getsockname()[1]
    m = [ask(s, d)[0] for d in ((SRV, 3478), (SRV, 3479), (SRV2, 3478), (SRV2, 3479))]
    if not m[0]:
        return {**r, 'udp': 'blocked'}
    r['addr'] = m[0][0]
    r['mapping'] = 'EIM' if len(set(m)) == 1 else 'ADM' if m[0] == m[1] and m[2] == m[3] else 'APDM'
    r['ports'] = [lp] + [x[1] if x else None for x in m]
    kept = []
    for _ in range(4):
        with sock() as k:
            x = ask(k, (SRV, 3478))[0]
            kept.append(bool(x and x[1] == k.getsockname()[1]))
    r['keeps_port'] = f'{sum(kept)}/4'
    f = sock()
    r['filtering'] = 'EIF' if ask(f, (SRV, 3478), 'ip')[0] else 'ADF' if ask(f, (SRV, 3478), 'p')[0] else 'APDF'
    h = sock()
    h.sendto(b'hairpin', m[0])
    r['hairpin'] = False
    if m[0][0] != os.environ.get('NL_ADDR') and select.select([s], [], [], 0.3)[0]:
        d, a = s.recvfrom(2048)
        r['hairpin'] = f'from {a[0]}:{a[1]}' if d == b'hairpin' else False
    # a datagram that reaches the router before we send: does it take our port away?
    e = sock()
    ep = e.getsockname()[1]
    e.close()
    ask(s, (SRV, 3478), f'e:{m[0][0]}:{ep}')
    time.sleep(0.05)
    with sock(ep) as e:
        x = ask(e, (SRV, 3478))[0]
        r['early_packet'] = 'port kept' if x and x[1] == ep else 'port lost' if kept[0] else '-'
    return r


def main(av):
    if av[:1] == ['_nocsum']:
        return nocsum(av[1])
    if av[:1] == ['_flush']:
        return flush()
    if av[:1] == ['_wire']:
        return wire(av[1:])
    if av[:1] == ['_echo']:
        return echo()
    if av[:1] == ['_probe']:
        return print(json.dumps(probe()))
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('cmd', choices=['kinds', 'up', 'exec', 'probe', 'forget', 'down', 'run'])
    ap.add_argument('-n', '--name', default='lab')
    ap.add_argument('--all', action='store_true')
    ap.add_argument('--srv')
    ap.add_argument('--ready', help='seconds, or tcp:PORT')
    ap.add_argument('--peer', action='append', default=[])
    ap.add_argument('--timeout', type=float, default=20)
    ap.add_argument('args', nargs='*')
    tail = []
    if '--' in av:
        i = av.index('--')
        av, tail = av[:i], av[i + 1:]
    a = ap.parse_intermixed_args(av)
    if a.cmd == 'kinds':
        for k, v in KINDS.items():
            print(f'{k:15} mapping={v[0]} filtering={v[1]} input={v[2]}')
    elif a.cmd == 'up':
        t = time.time()
        lab = Lab(a.args, a.name).up()
        print(f'up in {time.time() - t:.2f} s: ' + ' '.join(f'{h}={ip}' for h, ip in lab.addr.items()))
    elif a.cmd == 'exec':
        lab, h = Lab.load(a.name), a.args[0]
        h = h + '1' if h in lab.sites else h
        os.environ.update(NL_SRV=SRV, NL_SRV2=SRV2, NL_SRV6=SRV6, NL_HOST=h, NL_ADDR=lab.addr.get(h, ''))
        argv = lab.argv(h, tail)
        os.execvp(argv[0], argv)
    elif a.cmd == 'probe':
        for h, r in Lab.load(a.name).probe(a.args).items():
            print(h, json.dumps(r))
    elif a.cmd == 'forget':
        for site in a.args:
            Lab.load(a.name).forget(site)
    elif a.cmd == 'down':
        names = [f[3:-5] for f in os.listdir('/run') if f.startswith('nl-') and f.endswith('.json')] if a.all else [a.name]
        for n in names:
            Lab(name=n).down()
    elif a.cmd == 'run':
        ready = int(a.ready[4:]) if (a.ready or '').startswith('tcp:') else float(a.ready or 0.5)
        with Lab(a.args, a.name) as lab:
            res = lab.pair([tuple(p.split('=', 1)) for p in a.peer], a.srv, ready, a.timeout)
        print(json.dumps(res, indent=1))
        return 0 if all(r['rc'] == 0 for r in res) else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
