-- The server as a process: found, started when it is needed, asked, missed when it ends.
local null = require('fbuild.null')
local project = require('fbuild.project')
local say = require('fbuild.say')
local state = require('fbuild.state')

local M = {}

M.name = 'fbuild_lsp'

---@class fbuild.Error what became of a request instead of a result
---@field message string
---@field code? integer

---@alias fbuild.Callback fun(error?: fbuild.Error, result?: any)

-- Who waits for a server to be ready, and who waits for its answers, by its client's number.
---@type table<integer, fun(error?: fbuild.Error)[]>
local waiting = {}
---@type table<integer, table<integer, fbuild.Callback>>
local asked = {}
local n_asked = 0
local is_restarting = false

--- How servers ended, by their client's configuration, which is all that a `cmd` knows of it.
---@type table<vim.lsp.ClientConfig, {code: integer, signal: integer}>
local endings = setmetatable({}, { __mode = 'k' })

--- Starts the process; the `cmd` of the configuration.
---@param dispatchers vim.lsp.rpc.Dispatchers
---@param config vim.lsp.ClientConfig
---@return vim.lsp.rpc.PublicClient
function M.spawn(dispatchers, config)
  local tell = dispatchers.on_exit
  -- Neovim reports a crash in a line that is longer than many screens are wide, and so stops at a
  -- hit-enter prompt. `on_exit` below reports it instead.
  dispatchers.on_exit = function(code, signal)
    endings[config] = { code = code, signal = signal }
    tell(0, 0)
  end
  local command = { require('fbuild.options').read().server }
  return vim.lsp.rpc.start(command, dispatchers, { cwd = config.cmd_cwd, env = config.cmd_env })
end

--- Why there is no server to start, if there is none.
---@return fbuild.Error?
function M.missing()
  local config = vim.lsp.config[M.name]
  local binary = require('fbuild.options').read().server
  -- With a `cmd` of their own, users know where it is.
  if (config and config.cmd ~= M.spawn) or vim.fn.executable(binary) == 1 then
    return nil
  end
  return { message = ('%s is not installed: see :checkhealth fbuild'):format(binary) }
end

local is_missing_said = false

--- Whether there is a server to start for a file that is opened. If there is none, that is reported once.
---@return boolean
function M.may_start()
  local missing = M.missing()
  if missing and not is_missing_said then
    is_missing_said = true
    say.error(missing.message)
  end
  return missing == nil
end

---@param client vim.lsp.Client
function M.on_init(client)
  for _, proceed in ipairs(waiting[client.id] or {}) do
    proceed()
  end
  waiting[client.id] = nil
end

---@param code integer
---@param signal integer
---@param client_id integer
function M.on_exit(code, signal, client_id)
  local client = vim.lsp.get_client_by_id(client_id)
  local how = client and endings[client.config] or { code = code, signal = signal }
  vim.schedule(function()
    M.ended(how, client_id)
  end)
end

---@param how {code: integer, signal: integer}
---@param client_id integer
function M.ended(how, client_id)
  local is_crash = how.code ~= 0 or (how.signal ~= 0 and how.signal ~= 15)
  local reason = how.signal ~= 0 and ('signal %d'):format(how.signal)
    or ('exit code %d'):format(how.code)
  local message = ('the server ended (%s)'):format(is_crash and reason or 'stopped')
  local missed = {} ---@type fun(error: fbuild.Error)[]
  vim.list_extend(missed, waiting[client_id] or {})
  vim.list_extend(missed, vim.tbl_values(asked[client_id] or {}))
  waiting[client_id], asked[client_id] = nil, nil
  state.forget(client_id)
  vim.cmd.redrawstatus()
  for _, done in ipairs(missed) do
    done({ message = message })
  end
  if is_restarting then
    M.start_again()
  elseif is_crash then
    require('fbuild.log').add(1, message)
    say.error(message .. '; :FbuildRestart starts it again')
  end
end

--- Asks a server. The callback is called once, also if the server ends before it answers.
---@param client vim.lsp.Client
---@param command string of the server
---@param argument? table
---@param done fbuild.Callback
function M.request(client, command, argument, done)
  n_asked = n_asked + 1
  local number = n_asked
  asked[client.id] = asked[client.id] or {}
  local function answer(err, result)
    if asked[client.id] and asked[client.id][number] then
      asked[client.id][number] = nil
      done(null.to_nil(err), null.to_nil(result))
    end
  end
  asked[client.id][number] = done
  local params = { command = command, arguments = { argument or vim.empty_dict() } }
  -- Neovim 0.12 hands answers over before notifications that came first.
  if not client:request('workspace/executeCommand', params, vim.schedule_wrap(answer)) then
    answer({ message = 'the server is ending' })
  end
end

--- The servers that run.
---@return vim.lsp.Client[]
function M.running()
  return vim.tbl_filter(function(client)
    return not client:is_stopped()
  end, vim.lsp.get_clients({ name = M.name }))
end

--- The server of the current buffer, if it runs: the one that is attached to it, else the only one.
---@return vim.lsp.Client?
function M.current()
  local attached = vim.lsp.get_clients({ name = M.name, bufnr = 0 })[1]
  local running = M.running()
  return attached or (#running == 1 and running[1]) or nil
end

---@return string? root
---@return boolean is_of_buffer the current buffer's file is in it
local function current_root()
  local root = project.root_of_buffer(vim.api.nvim_get_current_buf())
  if root then
    return root, true
  end
  return project.root(vim.fn.getcwd()), false
end

--- The server of a project, started if need be.
---@param root string
---@param is_of_buffer boolean
---@param ready fun(client: vim.lsp.Client)
---@param failed fun(error: fbuild.Error)
local function start(root, is_of_buffer, ready, failed)
  local missing = M.missing()
  if missing then
    return failed(missing)
  end
  local config = vim.deepcopy(vim.lsp.config[M.name])
  config.root_dir = root
  local is_wanted = vim.list_contains(config.filetypes or {}, vim.bo.filetype)
  local id = vim.lsp.start(config, { attach = is_of_buffer and is_wanted })
  local client = id and vim.lsp.get_client_by_id(id)
  if not client then
    return failed({ message = 'the server did not start: see :checkhealth fbuild' })
  elseif client.initialized then
    return ready(client)
  end
  waiting[client.id] = waiting[client.id] or {}
  table.insert(waiting[client.id], function(err)
    if err then
      failed(err)
    else
      ready(client)
    end
  end)
end

--- The server of the current buffer's project, started if need be. A buffer that is not attached,
--- of whatever kind, has the project that its file is in, else that of the current folder.
---@param ready fun(client: vim.lsp.Client)
---@param failed? fun(error: fbuild.Error) if left out, the person is told, and asked where several projects could be meant
function M.with_client(ready, failed)
  local told = failed or function(err)
    say.error(err.message)
  end
  local attached = vim.lsp.get_clients({ name = M.name, bufnr = 0 })[1]
  if attached and not attached:is_stopped() then
    return ready(attached)
  end
  local root, is_of_buffer = current_root()
  if root then
    return start(root, is_of_buffer, ready, told)
  end
  local running = M.running()
  if #running == 1 then
    return ready(running[1])
  end
  local below = project.below(vim.fn.getcwd())
  if #below == 1 then
    return start(below[1], false, ready, told)
  elseif #below == 0 or failed then
    return told({ message = 'no project in the current folder, around it or in this file' })
  end
  vim.ui.select(below, {
    prompt = 'Which project:',
    kind = 'fbuild_project',
    format_item = function(path)
      return vim.fs.relpath(vim.fn.getcwd(), path) or path
    end,
  }, function(path)
    if path then
      start(path, false, ready, told)
    end
  end)
end

--- Whether it starts by itself. The first releases of 0.11 do not tell; there it is taken to.
---@return boolean
function M.is_enabled()
  return not vim.lsp.is_enabled or vim.lsp.is_enabled(M.name)
end

--- Starts it for every buffer that it is for, or where it is not enabled, for the current one.
function M.start_again()
  if #M.running() > 0 then
    return
  end
  is_restarting = false
  if M.is_enabled() then
    vim.lsp.enable(M.name)
  else
    M.with_client(function() end)
  end
end

function M.restart()
  is_restarting = true
  for _, client in ipairs(M.running()) do
    client:stop()
  end
  M.start_again()
end

return M
