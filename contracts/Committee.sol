// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICharter, Module} from "./interfaces/ICharter.sol";
import {ICommittee, Seat, SignedReport} from "./interfaces/ICommittee.sol";
import {IDocket} from "./interfaces/IDocket.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {Seal} from "./libraries/Seal.sol";
import {SeatId} from "./types/Ids.sol";
import {Header} from "./types/Report.sol";

/// @title The committee
/// @notice Implements `ICommittee`; never reads a report's meaning.
/// @dev An *operator* is whom the founders named, by place: the identities of the seats, then the alternates. Its number
/// is that of its bond purse.
contract Committee is ICommittee {
    /* CONSTANTS */

    uint256 public constant MOST_ALTERNATES = 31;
    uint256 public constant LONGEST_ENDPOINT = 200;

    /// @notice How long each further alternate waits for the one before it, seconds.
    uint256 public constant SUCCESSION = 7 days;

    /// @notice Between two changes of one seat's report key after ignition, seconds.
    uint256 public constant KEY_REST = 1 days;

    /// @notice How long a bond outlives its seat, seconds: the longest window and the time to settle (R7.10), after which
    /// nothing sealed in that operator's time can move anything.
    uint256 public constant BOND_OUTLIVES = 21 days;

    /* TYPES */

    enum Standing {
        Named,
        Sitting,
        Resigned,
        Released,
        Lost
    }

    /// @dev One slot.
    struct Operator {
        address identity;
        Standing standing;
        uint8 seat; // the seat taken; meaningless while `Named`
        uint24 since; // first committee version signed under
        uint40 releasable; // bond may be released from then on; zero while sitting
    }

    struct Place {
        address reportKey; // zero while vacant
        uint8 operator; // meaningless while vacant
        uint40 vacantSince; // from when alternates may take it; zero before ignition
        uint40 keyedAt;
        bytes32 transportKey;
        string endpoint;
    }

    /* IMMUTABLES */

    ICharter private immutable _CHARTER;
    ILedger private immutable _LEDGER;
    IDocket private immutable _DOCKET;
    uint8 private immutable _SEATS;
    uint8 private immutable _OPERATORS;
    uint64 private immutable _BOND;

    /* STORAGE */

    uint24 private _version;
    uint8 private _registered;
    mapping(uint256 number => Operator) private _operators;
    mapping(uint256 seat => Place) private _places;

    /// @dev Where each version's report keys are written, for ever: what they signed stays provable.
    mapping(uint24 version => address) private _keys;

    /* CONSTRUCTOR */

    /// @dev The creator is the charter; its siblings' addresses follow from its own.
    constructor() {
        _CHARTER = ICharter(msg.sender);
        _LEDGER = ILedger(_CHARTER.module(Module.Ledger));
        _DOCKET = IDocket(_CHARTER.module(Module.Docket));
        _BOND = _CHARTER.committeeParameters().bond;

        address[] memory seats = _CHARTER.seats();
        address[] memory alternates = _CHARTER.alternates();
        if (seats.length < 4 || seats.length > 31 || alternates.length > MOST_ALTERNATES) {
            revert SeatsOutOfRange(seats.length, alternates.length);
        }
        // Both bounds are far below 2^8.
        // forge-lint: disable-next-line(unsafe-typecast)
        _SEATS = uint8(seats.length);
        // forge-lint: disable-next-line(unsafe-typecast)
        _OPERATORS = uint8(seats.length + alternates.length);
        for (uint256 i = 0; i < seats.length; ++i) {
            _name(i, seats[i]);
        }
        for (uint256 i = 0; i < alternates.length; ++i) {
            _name(seats.length + i, alternates[i]);
        }
    }

    function _name(uint256 number, address identity) private {
        for (uint256 i = 0; i < number; ++i) {
            if (_operators[i].identity == identity) revert NamedTwice(identity);
        }
        _operators[number].identity = identity;
    }

    /* SEATS */

    /// @inheritdoc ICommittee
    function register(SeatId id, address reportKey, bytes32 transportKey, string calldata endpoint) external {
        Place storage place = _place(id);
        if (place.reportKey != address(0)) revert SeatTaken(id, _operators[place.operator].identity);
        uint8 number = _claimant(id, place);
        _checkKeys(id, reportKey, transportKey, endpoint);

        Operator storage operator = _operators[number];
        operator.standing = Standing.Sitting;
        operator.seat = SeatId.unwrap(id);
        operator.since = _version + 1;
        place.operator = number;
        ++_registered;
        _key(place, reportKey, transportKey, endpoint);
        emit Registered(id, msg.sender, SeatId.wrap(number), reportKey, transportKey, endpoint);
        if (_version != 0) _writeVersion();

        _LEDGER.holdBond(SeatId.wrap(number), _BOND);
    }

    /// @dev The number under which the caller may take this vacant seat.
    function _claimant(SeatId id, Place storage place) private view returns (uint8) {
        uint8 own = SeatId.unwrap(id);
        if (_operators[own].identity == msg.sender && _operators[own].standing == Standing.Named) return own;
        if (_version == 0) revert NotNamed(id, msg.sender);

        uint256 earliest = place.vacantSince;
        for (uint8 number = _SEATS; number < _OPERATORS; ++number) {
            if (_operators[number].standing != Standing.Named) continue;
            if (_operators[number].identity == msg.sender) {
                if (block.timestamp < earliest) {
                    revert TurnNotCome(id, msg.sender, block.timestamp, earliest);
                }
                return number;
            }
            earliest += SUCCESSION;
        }
        revert NotNamed(id, msg.sender);
    }

    /// @inheritdoc ICommittee
    function rotate(SeatId id, address reportKey, bytes32 transportKey, string calldata endpoint) external {
        Place storage place = _occupied(id);
        _checkKeys(id, reportKey, transportKey, endpoint);
        bool rekeyed = reportKey != place.reportKey;
        if (rekeyed && _version != 0 && block.timestamp < place.keyedAt + KEY_REST) {
            revert RotatedTooSoon(id, block.timestamp, place.keyedAt + KEY_REST);
        }

        _key(place, reportKey, transportKey, endpoint);
        emit Rotated(id, reportKey, transportKey, endpoint);
        if (rekeyed && _version != 0) _writeVersion();
    }

    /// @inheritdoc ICommittee
    function resign(SeatId id) external {
        Place storage place = _occupied(id);
        SeatId purse = SeatId.wrap(place.operator);
        Operator storage operator = _operators[place.operator];

        if (_version == 0) {
            // Nothing was ever sealed, so the bond is free at once and the name stands.
            operator.standing = Standing.Named;
            emit Resigned(id, purse, uint40(block.timestamp));
            _vacate(place);
            emit BondReleased(purse);
            _LEDGER.releaseBond(purse);
        } else {
            operator.standing = Standing.Resigned;
            // forge-lint: disable-next-line(unsafe-typecast)
            operator.releasable = uint40(block.timestamp + BOND_OUTLIVES);
            emit Resigned(id, purse, operator.releasable);
            _vacate(place);
            _writeVersion();
        }
    }

    /// @inheritdoc ICommittee
    function release(SeatId purse) external {
        Operator storage operator = _operators[SeatId.unwrap(purse)];
        if (operator.standing != Standing.Resigned) revert NoBond(purse);
        if (block.timestamp < operator.releasable) {
            revert BondNotReleasable(purse, block.timestamp, operator.releasable);
        }

        operator.standing = Standing.Released;
        emit BondReleased(purse);
        _LEDGER.releaseBond(purse);
    }

    /// @inheritdoc ICommittee
    function proveEquivocation(SeatId id, SignedReport calldata first, SignedReport calldata second)
        external
    {
        Place storage place = _place(id);
        // Subcontract, stream, epoch and attempt are the top 72 bits of the head.
        if (Header.unwrap(first.header) >> 184 != Header.unwrap(second.header) >> 184) {
            revert NotSameTurn(first.header, second.header);
        }
        bytes32 firstDigest = _checkSigned(id, first);
        bytes32 secondDigest = _checkSigned(id, second);
        if (firstDigest == secondDigest) revert SameDigest(firstDigest);
        uint8 number = _operatorAt(id, first.header.committeeVersion());
        uint8 other = _operatorAt(id, second.header.committeeVersion());
        if (number != other) revert NotOneOperator(SeatId.wrap(number), SeatId.wrap(other));
        Operator storage operator = _operators[number];
        bool sitting = operator.standing == Standing.Sitting;
        if (!sitting && operator.standing != Standing.Resigned) revert NoBond(SeatId.wrap(number));

        operator.standing = Standing.Lost;
        operator.releasable = 0;
        emit Equivocated(id, SeatId.wrap(number), firstDigest, secondDigest);
        if (sitting) {
            _vacate(place);
            _writeVersion();
        }
        _LEDGER.forfeitBond(SeatId.wrap(number));
    }

    /// @dev The digest, if the seat's key of that version signed it.
    function _checkSigned(SeatId id, SignedReport calldata report) private view returns (bytes32 digest) {
        digest = _DOCKET.digest(report.header, report.parent, report.envelopes, report.payload);
        uint24 given = report.header.committeeVersion();
        address[] memory keys = Seal.read(_keys[given], _SEATS);
        address key = keys[SeatId.unwrap(id)];
        address recovered = Seal.recover(digest, report.r, report.vs);
        if (key == address(0) || recovered != key) revert NotSignedBySeat(id, given, recovered, key);
    }

    /// @dev Who held the seat under a version in which it had a key: of those who ever sat there, the last to come by then.
    function _operatorAt(SeatId id, uint24 given) private view returns (uint8 number) {
        uint24 latest;
        for (uint8 i = 0; i < _OPERATORS; ++i) {
            Operator storage operator = _operators[i];
            if (operator.standing == Standing.Named || operator.seat != SeatId.unwrap(id)) continue;
            if (operator.since <= given && operator.since > latest) {
                latest = operator.since;
                number = i;
            }
        }
    }

    /// @inheritdoc ICommittee
    function open() external {
        if (msg.sender != address(_CHARTER)) revert NotCharter(msg.sender);
        if (_version != 0) revert AlreadyOpen(_version);
        uint8 wanted = quorum();
        if (wanted < 4) wanted = 4;
        if (_registered < wanted) revert TooFewRegistered(_registered, wanted);

        for (uint256 i = 0; i < _SEATS; ++i) {
            // Who is named for the seat comes before every alternate, by as long as one of them before the next.
            if (_places[i].reportKey == address(0)) {
                // Unix seconds.
                // forge-lint: disable-next-line(unsafe-typecast)
                _places[i].vacantSince = uint40(block.timestamp + SUCCESSION);
            }
        }
        _writeVersion();
    }

    /* KEYS */

    function _checkKeys(SeatId id, address reportKey, bytes32 transportKey, string calldata endpoint)
        private
        view
    {
        if (reportKey == address(0)) revert ReportKeyZero();
        if (transportKey == 0) revert TransportKeyZero();
        uint256 length = bytes(endpoint).length;
        if (length == 0 || length > LONGEST_ENDPOINT) revert EndpointLength(length, LONGEST_ENDPOINT);
        // One key in two seats would count twice.
        for (uint8 i = 0; i < _SEATS; ++i) {
            if (i != SeatId.unwrap(id) && _places[i].reportKey == reportKey) {
                revert ReportKeyTaken(reportKey, SeatId.wrap(i));
            }
        }
    }

    function _key(Place storage place, address reportKey, bytes32 transportKey, string calldata endpoint)
        private
    {
        if (place.reportKey != reportKey) {
            place.reportKey = reportKey;
            place.keyedAt = uint40(block.timestamp);
        }
        place.transportKey = transportKey;
        place.endpoint = endpoint;
    }

    function _vacate(Place storage place) private {
        place.reportKey = address(0);
        place.transportKey = 0;
        delete place.endpoint;
        if (_version != 0) place.vacantSince = uint40(block.timestamp);
        --_registered;
    }

    function _writeVersion() private {
        if (_version == type(uint24).max) revert VersionsExhausted();
        uint24 next = ++_version;
        address[] memory keys = new address[](_SEATS);
        for (uint256 i = 0; i < _SEATS; ++i) {
            keys[i] = _places[i].reportKey;
        }
        address written = Seal.write(keys);
        _keys[next] = written;
        emit VersionWritten(next, written, _SEATS);
        _DOCKET.reseat(next, _SEATS, written);
    }

    function _place(SeatId id) private view returns (Place storage) {
        if (SeatId.unwrap(id) >= _SEATS) revert SeatUnknown(id, _SEATS);
        return _places[SeatId.unwrap(id)];
    }

    function _occupied(SeatId id) private view returns (Place storage place) {
        place = _place(id);
        if (place.reportKey == address(0)) revert SeatVacant(id);
        address identity = _operators[place.operator].identity;
        if (msg.sender != identity) revert NotIdentity(id, msg.sender, identity);
    }

    /* VIEWS */

    /// @inheritdoc ICommittee
    function seatCount() external view returns (uint8) {
        return _SEATS;
    }

    /// @inheritdoc ICommittee
    function quorum() public view returns (uint8) {
        // At most 21.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint8(Seal.quorum(_SEATS));
    }

    /// @inheritdoc ICommittee
    function version() external view returns (uint24) {
        return _version;
    }

    /// @inheritdoc ICommittee
    function seat(SeatId id) external view returns (Seat memory) {
        Place storage place = _place(id);
        bool taken = place.reportKey != address(0);
        uint8 number = taken ? place.operator : SeatId.unwrap(id);
        // A vacant seat is still its first operator's to take, until they have had it and given it up or lost it.
        bool standing = taken || _operators[number].standing == Standing.Named;
        return Seat({
            identity: standing ? _operators[number].identity : address(0),
            reportKey: place.reportKey,
            transportKey: place.transportKey,
            endpoint: place.endpoint,
            bonded: taken
        });
    }

    /// @inheritdoc ICommittee
    function registered() external view returns (uint8) {
        return _registered;
    }

    /// @inheritdoc ICommittee
    function keysOf(uint24 given) external view returns (address[] memory) {
        address keys = _keys[given];
        return Seal.read(keys, keys == address(0) ? 0 : _SEATS);
    }

    /// @inheritdoc ICommittee
    function identityOf(SeatId purse) external view returns (address) {
        return _operators[SeatId.unwrap(purse)].identity;
    }

    /// @inheritdoc ICommittee
    function purseOf(address identity) external view returns (SeatId) {
        for (uint8 number = 0; number < _OPERATORS; ++number) {
            if (_operators[number].identity == identity) return SeatId.wrap(number);
        }
        revert NotAnOperator(identity);
    }
}
