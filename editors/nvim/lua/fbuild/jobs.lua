-- A job from beginning to end: asked for, announced, done, told. Commands, code lenses and other
-- plugins all come through here.
local describe = require('fbuild.describe')
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

---@param outcome fbuild.Outcome
---@return integer level
local function level_of(outcome)
  if outcome.error then
    return vim.log.levels.ERROR
  end
  return #(outcome.warnings or {}) > 0 and vim.log.levels.WARN or vim.log.levels.INFO
end

--- An outcome for a request that the server did not answer with one.
---@param kind string
---@param err fbuild.Error
---@return fbuild.Outcome
local function without_answer(kind, err)
  local code = err.code and 'request-refused' or 'server-ended'
  return {
    outcome = 'failed',
    message = ('%s failed: %s'):format(kind, err.message),
    target = '',
    port = '',
    durationMs = 0,
    regions = {},
    warnings = {},
    error = { code = code, message = err.message, isInput = err.code ~= nil },
  }
end

---@param outcome fbuild.Outcome
local function say_outcome(outcome)
  local sentence, short = describe.in_a_sentence(outcome)
  say.notify(sentence, level_of(outcome), short)
end

---@param client vim.lsp.Client
---@param outcome fbuild.Outcome
local function tell(client, outcome)
  if outcome.outcome == 'planned' then
    say.echo('')
    return require('fbuild.window').show('fbuild://plan', describe.plan(outcome))
  end
  if not client:is_stopped() then
    state.of(client.id):set_result(describe.in_a_few_words(outcome))
  end
  local is_quiet = not outcome.error and not require('fbuild.options').read().echo
  if not is_quiet then
    say_outcome(outcome)
  end
end

--- Files that differ from what is in their buffers. The server hears of edits and saves, and would
--- not know that an undo took the edit back.
---@param client vim.lsp.Client
---@return string[]
local function unsaved(client)
  return vim
    .iter(vim.lsp.get_buffers_by_client_id(client.id))
    :filter(function(buffer)
      return vim.bo[buffer].modified
    end)
    :map(vim.api.nvim_buf_get_name)
    :totable()
end

---@param kind fbuild.Kind
---@param argument fbuild.Argument
---@param client vim.lsp.Client
---@param done? fun(outcome: fbuild.Outcome)
local function run_on(kind, argument, client, done)
  argument = vim.tbl_extend('keep', argument, { unsaved = unsaved(client) })
  announce(kind, 'Start', argument)
  server.request(client, 'fbuild.server.' .. kind, argument, function(err, outcome)
    outcome = outcome or without_answer(kind, err or { message = 'no answer' })
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

--- Asks the board who it is.
---@param port? string
function M.board(port)
  server.with_client(function(client)
    local argument = { port = port, root = client.root_dir }
    announce('board', 'Start', argument)
    server.request(client, 'fbuild.server.boardInfo', argument, function(err, result)
      local failure = err or (result and result.error)
      if failure then
        local remedy = failure.remedy and '; ' .. failure.remedy or ''
        say.error(failure.message .. remedy)
      elseif result.board then
        say.echo('')
        require('fbuild.window').show('fbuild://board', describe.board(result.board))
      end
      announce('board', 'Done', result or { error = failure })
    end)
  end)
end

--- Erases the whole flash; the server asks first.
---@param port? string
function M.erase(port)
  server.with_client(function(client)
    local argument = { port = port, root = client.root_dir }
    announce('erase', 'Start', argument)
    server.request(client, 'fbuild.server.eraseFlash', argument, function(err, outcome)
      outcome = outcome or without_answer('erase', err or { message = 'no answer' })
      say_outcome(outcome)
      announce('erase', 'Done', outcome)
    end)
  end)
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

--- The server's commands that a code lens carries, by name.
---@type table<string, fun(command: lsp.Command, context: table)>
M.lens_commands = {}
for _, kind in ipairs({ 'deploy', 'verify', 'plan' }) do
  M.lens_commands['fbuild.server.' .. kind] = function(command, context)
    local client = assert(vim.lsp.get_client_by_id(context.client_id))
    local argument = (command.arguments or {})[1] or { root = client.root_dir }
    run_on(kind, argument, client, function()
      -- Neovim took the lens away when it was run.
      if vim.api.nvim_buf_is_loaded(context.bufnr) and not client:is_stopped() then
        vim.lsp.codelens.refresh({ bufnr = context.bufnr })
      end
    end)
  end
end

return M
