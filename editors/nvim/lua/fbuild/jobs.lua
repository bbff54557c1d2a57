-- A job from beginning to end: asked for, announced, done, told. Commands, code lenses and other
-- plugins all come through here.
local null = require('fbuild.null')
local say = require('fbuild.say')
local server = require('fbuild.server')
local state = require('fbuild.state')

local M = {}

---@alias fbuild.Kind 'deploy'|'verify'|'plan'

--- `User FbuildDeployStart`, `FbuildDeployDone` and their like for the other kinds.
---@param kind string
---@param moment 'Start'|'Done'
---@param data table
local function announce(kind, moment, data)
  local pattern = 'Fbuild' .. kind:sub(1, 1):upper() .. kind:sub(2) .. moment
  vim.api.nvim_exec_autocmds('User', { pattern = pattern, modeline = false, data = data })
end

---@type table<string, integer> from the levels of a text
local levels = { warning = vim.log.levels.WARN, error = vim.log.levels.ERROR }

--- An outcome for a request that the server did not answer with one.
---@param kind string
---@param err? fbuild.Error
---@return fbuild.Outcome
local function without_answer(kind, err)
  local why = err and err.message or 'no answer'
  local message = ('%s failed: %s'):format(kind, why)
  local is_refused = err ~= nil and err.code ~= nil
  local code = is_refused and 'request-refused' or 'server-ended'
  return {
    outcome = 'failed',
    message = message,
    target = '',
    port = '',
    durationMs = 0,
    regions = {},
    warnings = {},
    error = { code = code, message = why, isInput = is_refused },
    text = { short = code, sentence = message, lines = { message }, level = 'error', buttons = {} },
  }
end

---@param result {text: fbuild.Text, message?: string, error?: fbuild.Failure, warnings?: string[]}
local function tell_result(result)
  local text = result.text
  local hint = levels[text.level] and ' (:FbuildLog)' or ''
  -- What to do is worth more than how it came, which is in the log.
  local care = table.concat(text.lines, '\n'):match('\ntry: ([^\n]*)') or (result.warnings or {})[1]
  local short = care and ('%s: %s'):format(text.short, care) or result.message or text.lines[1]
  say.notify(text.sentence, levels[text.level], { short .. hint })
end

--- What a compiler complained of is in diagnostics; after a build that failed it is in the quickfix list, too.
---@param client vim.lsp.Client
---@param result {error?: fbuild.Failure}
local function list_errors(client, result)
  if result.error and result.error.code == 'build-failed' then
    local namespace = vim.lsp.diagnostic.get_namespace(client.id)
    -- What editing finds and what the board said are ours, not the build's.
    local items = vim.diagnostic.toqflist(vim.tbl_filter(function(found)
      return found.source ~= 'fbuild'
    end, vim.diagnostic.get(nil, { namespace = namespace, severity = 'ERROR' })))
    if #items > 0 then
      vim.fn.setqflist({}, ' ', { title = 'fbuild', items = items })
    end
  end
end

---@param client vim.lsp.Client
---@param outcome fbuild.Outcome
local function tell(client, outcome)
  list_errors(client, outcome)
  if outcome.outcome == 'planned' then
    say.echo('')
    return require('fbuild.window').show('fbuild://plan', outcome.text.lines)
  end
  if not client:is_stopped() then
    state.of(client.id):set_result(outcome)
  end
  if outcome.error or require('fbuild.options').read().echo then
    tell_result(outcome)
  end
end

--- Files that differ from what is in their buffers. The server hears of edits and saves, and would
--- not know that an undo took the edit back.
---@param client vim.lsp.Client
---@return integer[] buffers
local function modified(client)
  return vim.tbl_filter(function(buffer)
    return vim.bo[buffer].modified
  end, vim.tbl_keys(client.attached_buffers))
end

--- Saves them for a job that may build, unless the options do not want that. The server warns of one that cannot be
--- saved.
---@param kind string
---@param client vim.lsp.Client
local function save(kind, client)
  local may_build = kind == 'deploy' or kind == 'build'
  if not (may_build and require('fbuild.options').read().save) then
    return
  end
  for _, buffer in ipairs(modified(client)) do
    vim.api.nvim_buf_call(buffer, function()
      vim.cmd('silent! update')
    end)
  end
end

---@param kind fbuild.Kind
---@param argument fbuild.Argument
---@param client vim.lsp.Client
---@param done? fun(outcome: fbuild.Outcome)
local function run_on(kind, argument, client, done)
  save(kind, client)
  local unsaved = vim.tbl_map(vim.api.nvim_buf_get_name, modified(client))
  argument = vim.tbl_extend('keep', argument, { unsaved = unsaved })
  announce(kind, 'Start', argument)
  server.request(client, 'fbuild.server.' .. kind, argument, function(err, outcome)
    outcome = outcome or without_answer(kind, err)
    tell(client, outcome)
    announce(kind, 'Done', outcome)
    if done then
      done(outcome)
    end
  end)
end

--- Runs a job for the current buffer's project.
---@param kind fbuild.Kind
---@param argument? fbuild.Argument
---@param done? fun(outcome: fbuild.Outcome)
function M.run(kind, argument, done)
  server.with_client(function(client)
    local about = vim.tbl_extend('keep', argument or {}, { root = client.root_dir })
    run_on(kind, about, client, done)
  end)
end

--- Other work.
---@param kind 'board'|'erase'|'build'
---@param command string of the server
---@param argument fbuild.Argument
---@param show fun(result: any)
local function work(kind, command, argument, show)
  server.with_client(function(client)
    save(kind, client)
    argument.root = client.root_dir
    announce(kind, 'Start', argument)
    server.request(client, 'fbuild.server.' .. command, argument, function(err, result)
      result = result or without_answer(kind, err)
      list_errors(client, result)
      show(result)
      announce(kind, 'Done', result)
    end)
  end)
end

--- Identifies the board.
---@param port? string
function M.board(port)
  work('board', 'boardInfo', { port = port }, function(result)
    if not result.facts then
      return tell_result(result)
    end
    local lines = vim.tbl_map(function(fact)
      return ('%-22s%s'):format(fact.name, fact.value)
    end, result.facts)
    say.echo('')
    require('fbuild.window').show('fbuild://board', lines)
  end)
end

--- Erases the whole flash; the server asks first.
---@param port? string
function M.erase(port)
  work('erase', 'eraseFlash', { port = port }, tell_result)
end

--- Builds what a deploy would take. No board is needed.
---@param target? string
function M.build(target)
  work('build', 'build', { target = target }, tell_result)
end

--- Stops every job of every server.
function M.cancel()
  local clients = server.running()
  local n_open, n_cancelled = #clients, 0
  if n_open == 0 then
    return say.notify('fbuild: nothing is running')
  end
  for _, client in ipairs(clients) do
    server.request(client, 'fbuild.server.cancel', nil, function(err, result)
      n_open = n_open - 1
      n_cancelled = n_cancelled + (result and result.cancelled or 0)
      if err then
        say.error(err.message)
      elseif n_open == 0 and n_cancelled == 0 then
        say.notify('fbuild: nothing is running')
      end
    end)
  end
end

--- The server's commands that a code lens or action carries, by name.
---@type table<string, fun(command: lsp.Command, context: table)>
M.lens_commands = {
  ['fbuild.server.monitor.showCrash'] = function(command, context)
    local client = assert(vim.lsp.get_client_by_id(context.client_id))
    require('fbuild.monitor').show_crash(client, command.arguments[1])
  end,
}
for _, kind in ipairs({ 'deploy', 'verify', 'plan' }) do
  M.lens_commands['fbuild.server.' .. kind] = function(command, context)
    local client = assert(vim.lsp.get_client_by_id(context.client_id))
    local arguments = null.to_nil(command.arguments) or {}
    local argument = arguments[1] or { root = client.root_dir }
    run_on(kind, argument, client, function()
      -- Neovim 0.11 took the lens away when it was run.
      local is_gone = vim.fn.has('nvim-0.12') == 0
      if is_gone and vim.api.nvim_buf_is_loaded(context.bufnr) and not client:is_stopped() then
        vim.lsp.codelens.refresh({ bufnr = context.bufnr })
      end
    end)
  end
end

return M
