// Calls every operation that one of the vendor's Node SDKs has, unmodified, and writes what came of it: one JSON object a
// line with the operation's id and `passed`, `failed` with the error, or `absent`.
//
// `node node.cjs chatkitty` speaks the unversioned, snake_case API; `node node.cjs chatkitty-platform-sdk` the versioned
// one. Neither checks answers, so what an answer must hold is checked here, in the spelling of the SDK.
'use strict'

const [, , sdk] = process.argv
const url = process.env.CHATKITTY_URL
const { ChatKitty, ChatSessionsApi, UserSessionsApi, Configuration } = require(sdk)
const options = {
  clientId: process.env.CHATKITTY_CLIENT_ID,
  clientSecret: process.env.CHATKITTY_CLIENT_SECRET,
  basePath: url,
  authorizationBasePath: `${url}/oauth/token`,
}
const chatkitty = new ChatKitty(options)
const snake = sdk === 'chatkitty'
// A field as the SDK spells it.
const f = (name) => (snake ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name)
const api = (name) => chatkitty[snake ? `${name}Api` : name]

let served
const report = (operation, result, detail) => console.log(JSON.stringify({ operation, result, detail }))

async function call(operation, send, holds = () => true) {
  if (!served.has(operation)) return report(operation, 'absent')
  try {
    const { data } = await send()
    if (holds(data)) report(operation, 'passed')
    else report(operation, 'failed', `the answer lacks what was asked for: ${JSON.stringify(data)}`.slice(0, 600))
    return data
  } catch (error) {
    const detail = error.response ? `${error.response.status} ${JSON.stringify(error.response.data)}` : `${error}`
    report(operation, 'failed', detail.slice(0, 600))
  }
}

const items = (page, collection) => page._embedded?.[collection] ?? []

async function main() {
  const document = await (await fetch(`${url}/openapi.json`)).json()
  served = new Set(Object.values(document.paths).flatMap((path) => Object.values(path).map((item) => item.operationId)))
  const Users = api('Users'), Channels = api('Channels'), Messages = api('Messages'), Threads = api('Threads')
  const Application = api('Application'), Jobs = api('Jobs'), Imports = api('Imports')

  // The application.
  const retrieve = snake ? 'retrieveApplication' : 'retrieveAuthenticatedApplication'
  await call('retrieveAuthenticatedApplication', () => Application[retrieve](), (a) => a.id > 0 && a[f('createdTime')])
  await call('retrieveAuthenticatedApplicationSettings', () => Application[`${retrieve}Settings`]())
  const settings = { [f('guestUsers')]: 'ENABLED', [f('userCreatedChannels')]: 'DISABLED' }
  await call('updateAuthenticatedApplicationSettings',
    () => Application[`${retrieve.replace('retrieve', 'update')}Settings`](settings),
    (a) => a[f('userCreatedChannels')] === 'DISABLED')

  // Users. `isGuest` is the one name that the snake_case SDK has in both spellings.
  const person = (name) => ({ name, [f('displayName')]: `Dr ${name}`, [f('isGuest')]: true, properties: { aB: { cD: 1 } } })
  const ada = await call('createUser', () => Users.createUser(person('ada')),
    (user) => user[f('displayName')] === 'Dr ada' && user.isGuest === true && user.properties.aB.cD === 1)
  const grace = (await Users.createUser(person('grace'))).data
  // Page 0, size 0, and the only hit wanted at the first place: what the vendor's Firebase extension sends.
  await call('listUsers', () => Users.listUsers(0, 0, undefined, 'ada'), (page) => items(page, 'users')[0].id === ada.id)
  await call('listUsers', () => Users.listUsers(0, 1, ['id,desc', 'name']), (page) => page.page[f('totalElements')] > 1)
  await call('checkUserExists', () => Users.checkUserExists('ada'))
  await call('checkUserExists', async () => {
    const missed = await Users.checkUserExists('nobody').catch((error) => error.response.status)
    return { data: missed }
  }, (status) => status === 404)
  await call('retrieveUser', () => Users.retrieveUser(ada.id), (user) => user.name === 'ada')
  await call('updateUser', () => Users.updateUser(ada.id))
  await call('updateUser', () => Users.updateUser(ada.id, { [f('displayName')]: 'Countess', isGuest: false }),
    (user) => user[f('displayName')] === 'Countess' && user.isGuest === false)
  const file = { url: 'https://example.com/a.png', name: 'a.png', [f('contentType')]: 'image/png', size: 2048 }
  await call('updateUserDisplayPicture', () => Users.updateUserDisplayPicture(ada.id, file),
    (user) => user[f('displayPictureUrl')] === file.url)
  await call('setUserSecret', () => Users.setUserSecret(ada.id, 'na me/x', { secret: { tokenValue: 's3cret' } }),
    (user) => user.id === ada.id)
  await call('retrieveUserSecret', () => Users.retrieveUserSecret(ada.id, 'na me/x'),
    (found) => found.secret.tokenValue === 's3cret')
  await call('removeUserSecret', () => Users.removeUserSecret(ada.id, 'na me/x'), (user) => user.id === ada.id)

  // Channels.
  const lobby = await call('createChannel', () => Channels.createChannel(
    { type: 'PUBLIC', name: `lobby-${sdk}`, [f('displayName')]: 'Lobby', properties: { aB: 1 } }),
    (channel) => channel[f('displayName')] === 'Lobby' && channel.properties.aB === 1)
  const direct = await call('createChannel', () => Channels.createChannel(
    { type: 'DIRECT', members: [{ id: ada.id }, { username: 'grace' }] }),
    (channel) => channel.members.length === 2)
  const list = (type, members, startTime, endTime, properties) =>
    snake || Channels.listChannels.length > 5
      ? Channels.listChannels(0, 25, ['id,desc'], type, members, startTime, endTime, properties)
      : Channels.listChannels(0, 25, ['id,desc'], type, members)
  await call('listChannels', () => list('DIRECT', ['ada', 'grace']), (page) => items(page, 'channels')[0].id === direct.id)
  await call('retrieveChannel', () => Channels.retrieveChannel(lobby.id), (channel) => channel.id === lobby.id)
  await call('updateChannel', () => Channels.updateChannel(lobby.id))
  await call('updateChannel', () => Channels.updateChannel(lobby.id, { [f('displayName')]: 'The lobby' }),
    (channel) => channel[f('displayName')] === 'The lobby')
  await call('addChannelMember', () => Channels.addChannelMember(lobby.id, { id: ada.id }))
  await call('addChannelMember', () => Channels.addChannelMember(lobby.id, { username: 'grace' }))
  await call('listChannelMembers', () => Channels.listChannelMembers(lobby.id),
    (page) => items(page, 'users').length === 2)
  await call('listChannelMemberships', () => Channels.listChannelMemberships(lobby.id),
    (page) => Boolean(items(page, 'memberships')[0][f('createdTime')]))
  await call('listChannelParticipants', () => Channels.listChannelParticipants(lobby.id))
  await call('addChannelModerator', () => Channels.addChannelModerator(lobby.id, { id: ada.id }),
    (user) => user.id === ada.id)
  await call('listChannelModerators', () => Channels.listChannelModerators(lobby.id),
    (page) => items(page, 'users')[0].id === ada.id)
  await call('removeChannelModerator', () => Channels.removeChannelModerator(lobby.id, ada.id),
    (channel) => channel.id === lobby.id)
  await call('removeChannelMember', () => Channels.removeChannelMember(lobby.id, grace.id),
    (channel) => channel.id === lobby.id)
  await call('sendChannelInvite', () => Channels.sendChannelInvite(lobby.id, { user: { id: grace.id } }),
    (invite) => Boolean(invite[f('createdTime')]))
  await call('listChannelInvites', () => Channels.listChannelInvites(lobby.id),
    (page) => items(page, 'invites').length === 1)
  await call('sendChannelEvent', () => Channels.sendChannelEvent(lobby.id, { type: 'my.event', properties: { aB: 1 } }),
    (event) => event.properties.aB === 1)
  await call('sendChannelKeystrokes',
    () => Channels.sendChannelKeystrokes(lobby.id, { keys: 'Hel', user: { id: ada.id } }),
    (keystrokes) => keystrokes.keys === 'Hel' && keystrokes.username === 'ada')

  // Messages and threads.
  const sent = await call('sendChannelMessage', () => Channels.sendChannelMessage(lobby.id,
    { type: 'TEXT', body: 'Hello <@grace>, see https://example.com', user: { id: ada.id }, [f('groupTag')]: 'g' }),
    (message) => message[f('groupTag')] === 'g' && message[f('channelId')] === lobby.id)
  await call('sendChannelMessage', () => Channels.sendChannelMessage(lobby.id, { type: 'FILE', file }),
    (message) => message.file[f('contentType')] === 'image/png')
  await call('listChannelMessages', () => Channels.listChannelMessages(lobby.id, 1),
    (page) => items(page, 'messages').length === 1 && page._links.next)
  await call('listMessages', () => Messages.listMessages(10), (page) => items(page, 'messages').length > 1)
  await call('retrieveMessage', () => Messages.retrieveMessage(sent.id), (message) => message.id === sent.id)
  await call('updateMessage', () => Messages.updateMessage(sent.id))
  await call('updateMessage', () => Messages.updateMessage(sent.id, { properties: { aB: 1 } }),
    (message) => message.properties.aB === 1)
  await call('listMessageReadReceipts', () => Messages.listMessageReadReceipts(sent.id))
  await call('listUserMessages', () => Users.listUserMessages(ada.id), (page) => items(page, 'messages').length === 1)
  await call('listUserChannels', () => Users.listUserChannels(ada.id), (page) => items(page, 'channels').length > 0)
  // In the direct channel grace is still a member, and is told of what ada says there.
  await Channels.sendChannelMessage(direct.id, { type: 'TEXT', body: 'Hello <@grace>', user: { id: ada.id } })
  await call('listUserNotifications', () => Users.listUserNotifications(grace.id), (page) => {
    const [{ data, channel, title }] = items(page, 'notifications')
    return data.type === 'USER:MENTIONED:USER' && data[f('mentionedUser')].id === grace.id && channel.id === direct.id &&
      data.message[f('channelId')] === direct.id && title.length > 0
  })
  await call('listUserMessages', () => Users.listUserMessages(grace.id, 25, undefined, undefined, undefined, true),
    (page) => items(page, 'messages').length === 1)
  if (snake) {
    await call('countUserUnreadMessages', () => Users.countUserUnreadMessages(grace.id), (found) => found.count === 1)
    await call('listChannelReportedMessages', () => Channels.listChannelReportedMessages(lobby.id),
      (page) => page.page.total_elements === 0)
    await call('retrieveApplicationMessageReadReceiptSummaries',
      () => Application.retrieveApplicationMessageReadReceiptSummaries({ page: 0, size: 25 }),
      (page) => items(page, 'summaries').some((one) => one.user.id === grace.id && one.count === 1))
  }
  const thread = await call('deleteMessage', () => Messages.deleteMessage(sent.id), (found) => found.id > 0)
  await call('retrieveThread', () => Threads.retrieveThread(thread.id), (found) => found.id === thread.id)
  await call('sendThreadMessage', () => Threads.sendThreadMessage(thread.id, { type: 'TEXT', body: 'A reply' }),
    (message) => message.body === 'A reply')
  await call('listThreadMessages', () => Threads.listThreadMessages(thread.id, 10),
    (page) => items(page, 'messages').length > 0)
  await call('sendThreadKeystrokes', () => Threads.sendThreadKeystrokes(thread.id, { keys: 'H', user: { id: ada.id } }),
    (keystrokes) => keystrokes.keys === 'H')

  // Sessions.
  const sessions = (Api, name) => {
    if (snake) return chatkitty[name]
    const configuration = new Configuration({ basePath: url, accessToken: process.env.CHATKITTY_TOKEN })
    return new Api(configuration)
  }
  await call('listUserSessions', () => sessions(UserSessionsApi, 'UserSessionsApi').listUserSessions(0, 25, ['id,desc'], 'ACTIVE'))
  await call('listChatSessions', () => sessions(ChatSessionsApi, 'ChatSessionsApi').listChatSessions(0, 25, ['id,desc'], 'ENDED'))

  // Imports and jobs. The versioned SDK cannot send the files of its own platform's `FormData`.
  const upload = (items) => new File([JSON.stringify(items)], 'import.json', { type: 'application/json' })
  if (snake) {
    const job = await call('importUsers',
      () => Imports.importUsers(upload([{ name: 'mary', display_name: 'Mary', guest: false, idempotency_key: 'm' }])),
      (found) => found.id > 0 && Boolean(found.created_time))
    await call('importChannels', () => Imports.importChannels(
      upload([{ type: 'PUBLIC', name: 'imported', display_name: 'I', members: ['ada'], idempotency_key: 'i' }])))
    await call('importChannelMembers',
      () => Imports.importChannelMembers(lobby.id, upload([{ username: 'grace', idempotency_key: 'g' }])))
    await call('importMessages', () => Imports.importMessages(upload(
      [{ type: 'TEXT', channel_id: lobby.id, user: 'ada', body: 'Imported', created_time: '2020-01-01T00:00:00Z', idempotency_key: 'x' }])))
    if (job) await call('retrieveJob', () => Jobs.retrieveJob(job.id), (found) => found.id === job.id)
    await call('exportMessageAnalytics', () => api('Analytics').exportMessageAnalytics(), (found) => found.id > 0)
    await call('exportUserAnalytics', () => api('Analytics').exportUserAnalytics(), (found) => found.id > 0)
  }
  await call('listJobs', () => Jobs.listJobs(0, 25, ['id,desc'], true))

  // What deletes comes last.
  await call('deleteMessages', () => Messages.deleteMessages(), (found) => found.id > 0)
  await call('deleteChannel', () => Channels.deleteChannel(lobby.id), (found) => Boolean(found.key))
  await call('deleteUser', () => Users.deleteUser(grace.id), (found) => Boolean(found.key))
}

main().catch((error) => {
  console.error(error.stack, error.response?.data)
  process.exit(1)
})
