// The explorer's modules that need no page: templates, fragments, curl.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { curl } from '../../src/explorer/static/curl.js';
import { format, parse, splitToken } from '../../src/explorer/static/fragment.js';
import { expand, isTemplate, variables } from '../../src/explorer/static/templates.js';

const VALUES = {
  var: 'value',
  hello: 'Hello World!',
  half: '50%',
  empty: '',
  path: '/foo/bar',
  x: '1024',
  y: '768',
  base: 'http://example.com/home/',
  list: ['red', 'green', 'blue'],
  keys: { semi: ';', dot: '.', comma: ',' },
  none: undefined,
  empty_list: [],
};

// The examples of RFC 6570, sections 1.2 and 3.2.
const EXPANSIONS = {
  '{var}': 'value',
  '{hello}': 'Hello%20World%21',
  '{half}': '50%25',
  'O{empty}X': 'OX',
  'O{none}X': 'OX',
  '{x,hello,y}': '1024,Hello%20World%21,768',
  '{var:3}': 'val',
  '{var:30}': 'value',
  '{list}': 'red,green,blue',
  '{list*}': 'red,green,blue',
  '{keys}': 'semi,%3B,dot,.,comma,%2C',
  '{keys*}': 'semi=%3B,dot=.,comma=%2C',
  '{+var}': 'value',
  '{+hello}': 'Hello%20World!',
  '{+half}': '50%25',
  '{base}index': 'http%3A%2F%2Fexample.com%2Fhome%2Findex',
  '{+base}index': 'http://example.com/home/index',
  '{+path:6}here': '/foo/bhere',
  '{+keys*}': 'semi=;,dot=.,comma=,',
  '{#path,x}here': '#/foo/bar,1024here',
  '{#keys}': '#semi,;,dot,.,comma,,',
  'foo{#none}': 'foo',
  'X{.x,y}': 'X.1024.768',
  'X{.list*}': 'X.red.green.blue',
  'X{.empty_list}': 'X',
  '{/var,x}/here': '/value/1024/here',
  '{/var:1,var}': '/v/value',
  '{/list*,path:4}': '/red/green/blue/%2Ffoo',
  '{;x,y,empty}': ';x=1024;y=768;empty',
  '{;hello:5}': ';hello=Hello',
  '{;keys*}': ';semi=%3B;dot=.;comma=%2C',
  '{?x,y,empty}': '?x=1024&y=768&empty=',
  '{?list*}': '?list=red&list=green&list=blue',
  '{?keys}': '?keys=semi,%3B,dot,.,comma,%2C',
  '{?none}': '',
  '?fixed=yes{&x}': '?fixed=yes&x=1024',
  '{&var:3}': '&var=val',
  '{&keys*}': '&semi=%3B&dot=.&comma=%2C',
};

for (const [template, expected] of Object.entries(EXPANSIONS)) {
  test(`${template} expands as RFC 6570 says`, () => assert.equal(expand(template, VALUES), expected));
}

test('the variables of a path are required and those of a query are not', () => {
  assert.deepEqual(variables('/v1/users/{id}{?page,tags*}'), [
    { name: 'id', required: true, list: false },
    { name: 'page', required: false, list: false },
    { name: 'tags', required: false, list: true },
  ]);
});

test('JSON in a query is no template', () => {
  assert.ok(isTemplate('/v1/users{?page,size}'));
  assert.ok(!isTemplate('/v1/users?properties={"team":1}'));
  assert.ok(!isTemplate('/v1/users?properties={%22team%22:1}'));
});

test('the fragment of the seed is read', () => {
  assert.deepEqual(parse('#hkey0=Content-Type&hval0=application/json&uri=/v1/applications/me'), {
    uri: '/v1/applications/me',
    headers: [['Content-Type', 'application/json']],
  });
});

test('what a fragment says is what is read from it again', () => {
  const said = {
    uri: '/v1/users?name=a&uri=b',
    headers: [
      ['X-Note', 'ü & = % +'],
      ['Accept', 'application/json'],
    ],
  };
  assert.deepEqual(parse(format(said)), said);
});

test('the older name of uri and the parameters of other explorers are understood', () => {
  const { uri, headers } = parse(
    '#theme=Dark&layout=2&httpOptions=true&allHttpMethodsForLinks=true&hkey4=A&hval4=b&hkey5=C&hval5=d&url=/v1',
  );
  assert.equal(uri, '/v1');
  assert.deepEqual(headers, [['A', 'b']], 'the indices 0 to 4 are headers and no others');
});

for (const [fragment, sentence] of [
  ['#nonsense', /uri=/],
  ['#hkey0=A', /uri=/],
  ['#uri=', /Nothing/],
  ['#hkey0=%E0%A4%A&uri=/v1', /percent/],
  ['#hkey0=a%20b&hval0=c&uri=/v1', /header/],
  ['#uri=http://', /no address/],
  ['#uri=javascript:alert(1)', /no address/],
]) {
  test(`${fragment} is refused with a sentence`, () => assert.throws(() => parse(fragment), sentence));
}

test('a token leaves the headers, whatever the case of their names', () => {
  assert.deepEqual(
    splitToken([
      ['authorization', 'bearer abc'],
      ['A', 'b'],
    ]),
    { headers: [['A', 'b']], token: 'abc', refused: false },
  );
  assert.equal(splitToken([['Authorization', 'Basic abc']]).refused, true);
});

test('a shell gives curl exactly the words that were meant', () => {
  const body = '{"name":"it\'s $HOME `x` \\"\\\\ !"}\nü';
  const line = curl(
    { method: 'POST', url: 'http://127.0.0.1/v1/users?q=[1]', headers: new Headers({ 'X-Note': "a'b" }), body },
    true,
  );
  const words = execFileSync('bash', ['-c', `curl() { printf '%s\\0' "$@"; }; ${line}`], {
    env: { TOKEN: 'a b' },
    encoding: 'utf8',
  });
  assert.deepEqual(words.split('\0').slice(0, -1), [
    'http://127.0.0.1/v1/users?q=[1]',
    '--globoff',
    '--header',
    "x-note: a'b",
    '--header',
    'Authorization: Bearer a b',
    '--data-raw',
    body,
  ]);
});
