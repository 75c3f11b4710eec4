// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICharter, Module, SubcontractState} from "./interfaces/ICharter.sol";
import {Device, IDocket, ReportState, StreamTerms} from "./interfaces/IDocket.sol";
import {IMandates} from "./interfaces/IMandates.sol";
import {IRoster} from "./interfaces/IRoster.sol";
import {ISubcontract} from "./interfaces/ISubcontract.sol";
import {Foreign} from "./libraries/Foreign.sol";
import {Seal} from "./libraries/Seal.sol";
import {Signed} from "./Signed.sol";
import {Calendar, EpochKind} from "./types/Calendar.sol";
import {Entries, Entry, Fate} from "./types/Entry.sol";
import {Epoch, MemberId, StreamId, SubcontractId} from "./types/Ids.sol";
import {LiveCommittee, LiveCommittees} from "./types/LiveCommittee.sol";
import {Header, Reports} from "./types/Report.sol";

/// @title The docket
/// @notice Implements `IDocket`: never settles a report twice, and no failure of one blocks another.
/// @dev RING. Per subcontract and stream the last 64 accepted reports, at `epoch % 64`, one word each. The word of the
/// epoch before names the parent and the kind of epoch, so accepting reads nothing else about the stream. A word is
/// overwritten at the earliest 64 days after its epoch, when its report is settled, spent or lapsed.
/// GAS. `submit` is the one function run every epoch by every stream; its order of checks is by cost, cheap ones first.
contract Docket is IDocket, Signed {
    /* CONSTANTS */

    /// @dev A report is accepted at the latest this long after its epoch's end, seconds (R7, edge cases).
    uint256 private constant ACCEPT_WITHIN = 30 days;

    /// @dev A final report is settled at the latest this long after its window, seconds (R7.10).
    uint256 private constant SETTLE_WITHIN = 14 days;

    /// @dev Bounds of a stream's window, seconds (R7.10: 24 h for metering).
    uint32 private constant SHORTEST_WINDOW = 24 hours;
    uint32 private constant LONGEST_WINDOW = 7 days;

    /// @dev A replaced device speaks from the first epoch that begins this much later, seconds (R7.1, R5 track A).
    uint256 private constant DEVICE_NOTICE = 72 hours;

    /// @dev A member contests twice in any such span, seconds (R7.10).
    uint256 private constant CONTEST_SPAN = 90 days;

    /// @dev Gas a subcontract gets to settle one report: so much, and so much per member (R1.9), up to what a transaction
    /// can carry where chains bound it at 2^24.
    uint256 private constant SETTLE_GAS = 1_000_000;
    uint256 private constant SETTLE_GAS_PER_MEMBER = 160_000;
    uint256 private constant MOST_SETTLE_GAS = 16_000_000;

    /// @dev Gas for asking a subcontract whether it settles on a stream (R1.9).
    uint256 private constant ASK_GAS = 100_000;

    uint256 private constant MOST_STREAMS = 4; // per subcontract
    uint256 private constant MOST_DEVICES = 16; // per stream
    uint256 private constant LONGEST_PARAMETERS = 2048; // bytes
    uint256 private constant LONGEST_REASON = 256; // bytes of a failed settlement's revert data

    /// @dev Longest time from an epoch's end until its report is terminal.
    uint256 private constant OPEN_AT_MOST = ACCEPT_WITHIN + LONGEST_WINDOW + SETTLE_WITHIN;
    uint256 private constant RING = 64;
    /// @dev How many versions back a record is looked for; each epoch or day adds at most one, and none older than
    /// `OPEN_AT_MOST` and the longest epoch is asked for.
    uint256 private constant LOOK_BACK = 96;
    uint8 private constant ED25519 = 1;
    uint8 private constant HIGHEST_DATA_CLASS = 2;

    bytes32 private constant CONTEST_LINE_TYPEHASH = keccak256(
        "ContestLine(string deed,uint16 member,uint16 subcontract,uint16 stream,uint24 epoch,bytes32 report,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant CONTEST_LINE_DEED =
        keccak256("I contest my own line of this report. Nothing is taken from me for it.");
    bytes32 private constant ENROL_STREAM_TYPEHASH = keccak256(
        "EnrolStream(string deed,uint16 sponsor,uint16 subcontract,bytes32 streamTermsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant ENROL_STREAM_DEED =
        keccak256("I enrol this stream for the subcontract I opened.");
    bytes32 private constant ENROL_BADGE_TYPEHASH = keccak256(
        "EnrolBadge(string deed,uint16 member,bytes32 badge,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant ENROL_BADGE_DEED =
        keccak256("I enrol this badge as mine. From tomorrow, what is taken with it is taken by me.");
    bytes32 private constant REPLACE_DEVICE_TYPEHASH = keccak256(
        "ReplaceDevice(string deed,uint16 custodian,uint16 stream,uint8 place,bytes32 deviceKey,uint8 algorithm,bytes16 kind,uint32 heartbeatSeconds,uint40 calibratedUntilUnixSeconds,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant REPLACE_DEVICE_DEED =
        keccak256("As custodian I put this device in the place of the one before it.");

    /* TYPES */

    /// @dev The first slot is all but the name and the estimator.
    struct Stream {
        SubcontractId subcontract;
        EpochKind epochKind;
        uint32 windowSeconds;
        MemberId custodian;
        uint8 dataClass;
        uint8 devices;
        bool started; // a report was accepted
        Epoch first; // its epoch
        bytes32 zone;
        bytes32 estimator;
        bytes32 modelHash;
        bytes parameters;
    }

    /// @dev Two slots.
    struct DatedDevice {
        bytes32 key;
        uint8 alg;
        bytes16 kind;
        uint32 intervalSeconds;
        uint40 calibratedUntil;
        uint40 from;
    }

    struct DatedBadge {
        bytes32 badge;
        uint40 from;
    }

    struct Contests {
        uint40 latest;
        uint40 earlier;
    }

    /* IMMUTABLES */

    ICharter private immutable _CHARTER;
    IRoster private immutable _ROSTER;
    address private immutable _COMMITTEE;
    int32 private immutable _TZ;

    /* STORAGE */

    LiveCommittee private _liveCommittee;
    uint16 private _streamCount;

    /// @dev By subcontract (16 bits) and stream (16 bits), the top of a report's head.
    mapping(uint32 pair => Entry[64]) private _rings;
    mapping(StreamId => Stream) private _streams;
    mapping(SubcontractId => StreamId[]) private _streamsOf;

    /// @dev By stream and index; ascending by `from`.
    mapping(StreamId => mapping(uint8 index => DatedDevice[])) private _devices;

    /// @dev Which place a device's key belongs to: stream and index, plus one.
    mapping(bytes8 kid => uint256 place) private _placeOf;
    mapping(MemberId => DatedBadge[]) private _badges;
    mapping(bytes32 badge => MemberId) private _holderOf;

    /// @dev Contested lines, by subcontract, stream and epoch.
    mapping(uint56 report => MemberId[]) private _frozen;
    mapping(MemberId => Contests) private _contests;

    /// @dev The report being settled in this call, by subcontract, stream and epoch; its top bit is set meanwhile.
    uint64 private transient _settling;
    uint64 private constant SETTLING = 1 << 63;

    /* CONSTRUCTOR */

    /// @dev The creator is the charter; its siblings' addresses follow from its own.
    constructor() {
        _CHARTER = ICharter(msg.sender);
        _ROSTER = IRoster(_CHARTER.module(Module.Roster));
        _COMMITTEE = _CHARTER.module(Module.Committee);
        _TZ = _CHARTER.tz();
    }

    /* STREAMS AND DEVICES (R7.1) */

    /// @inheritdoc IDocket
    function enrolFirst(StreamTerms[] calldata streams) external {
        if (_streamCount != 0 || _liveCommittee.version() != 0) revert EnrolledAlready(_streamCount);
        bytes32 given = keccak256(abi.encode(streams));
        bytes32 wanted = _CHARTER.streamsHash();
        if (given != wanted) revert StreamsNotSigned(given, wanted);

        for (uint256 i = 0; i < streams.length; ++i) {
            _enrol(streams[i]);
        }
    }

    /// @inheritdoc IDocket
    function enrol(StreamTerms calldata terms) external returns (StreamId) {
        address key = _ROSTER.keyOf(_sponsorOfOpen(terms.subcontract));
        if (msg.sender != key) revert CallerNot(msg.sender, key);
        return _enrolForOpen(terms);
    }

    /// @inheritdoc IDocket
    function enrolBySig(StreamTerms calldata terms, uint256 nonce, uint64 deadline, bytes calldata signature)
        external
        returns (StreamId)
    {
        MemberId sponsor = _sponsorOfOpen(terms.subcontract);
        bytes32 structHash = keccak256(
            abi.encode(
                ENROL_STREAM_TYPEHASH,
                ENROL_STREAM_DEED,
                sponsor,
                terms.subcontract,
                keccak256(abi.encode(terms)),
                nonce,
                deadline
            )
        );
        _takeSignature(_ROSTER.keyOf(sponsor), structHash, nonce, deadline, signature);
        return _enrolForOpen(terms);
    }

    function _sponsorOfOpen(SubcontractId id) private view returns (MemberId sponsor) {
        if (_CHARTER.stateOf(id) != SubcontractState.Open || _liveCommittee.version() == 0) {
            revert SubcontractNotOpen(id);
        }
        sponsor = _CHARTER.sponsorOf(id);
        // What is consented to is measured as it was then: by these streams and no later ones.
        if (IMandates(_CHARTER.module(Module.Mandates)).hasSigned(sponsor, id)) revert SponsorSigned(id);
    }

    function _enrolForOpen(StreamTerms calldata terms) private returns (StreamId stream) {
        stream = _enrol(terms);

        SubcontractId id = terms.subcontract;
        bytes memory question = abi.encodeCall(ISubcontract.settlesOn, (stream));
        if (Foreign.ask(_CHARTER.subcontractAt(id), ASK_GAS, question) != 1) {
            revert StreamNotOfSubcontract(stream, id);
        }
    }

    function _enrol(StreamTerms calldata terms) private returns (StreamId stream) {
        _checkTerms(terms);
        stream = StreamId.wrap(++_streamCount);
        StreamId[] storage siblings = _streamsOf[terms.subcontract];
        if (siblings.length == MOST_STREAMS) revert TooManyStreams(terms.subcontract, MOST_STREAMS);

        siblings.push(stream);
        Stream storage record = _streams[stream];
        record.subcontract = terms.subcontract;
        record.epochKind = terms.epochKind;
        record.windowSeconds = terms.windowSeconds;
        record.custodian = terms.custodian;
        record.dataClass = terms.dataClass;
        // At most `MOST_DEVICES`.
        // forge-lint: disable-next-line(unsafe-typecast)
        record.devices = uint8(terms.devices.length);
        record.zone = terms.zone;
        record.estimator = terms.estimator;
        record.modelHash = terms.modelHash;
        record.parameters = terms.parameters;
        for (uint8 i = 0; i < terms.devices.length; ++i) {
            _place(stream, i, terms.devices[i], 0);
        }

        emit StreamEnrolled(stream, terms);
    }

    function _checkTerms(StreamTerms calldata terms) private view {
        uint32 window = terms.windowSeconds;
        if (window < SHORTEST_WINDOW || window > LONGEST_WINDOW) {
            revert WindowOutOfRange(window, SHORTEST_WINDOW, LONGEST_WINDOW);
        }
        if (SubcontractId.unwrap(terms.subcontract) == 0) revert SubcontractNotOpen(terms.subcontract);
        if (terms.dataClass > HIGHEST_DATA_CLASS) {
            revert DataClassOutOfRange(terms.dataClass, HIGHEST_DATA_CLASS);
        }
        if (terms.estimator == 0) revert EstimatorUnnamed();
        if (!_ROSTER.isMember(terms.custodian)) revert NotAMemberId(terms.custodian);
        if (terms.parameters.length > LONGEST_PARAMETERS) {
            revert ParametersLength(terms.parameters.length, LONGEST_PARAMETERS);
        }
        if (terms.devices.length == 0 || terms.devices.length > MOST_DEVICES) {
            revert DeviceCount(terms.devices.length, 1, MOST_DEVICES);
        }
    }

    /// @inheritdoc IDocket
    function replaceDevice(StreamId stream, uint8 index, Device calldata device) external {
        _replaceDevice(_ROSTER.memberOf(msg.sender), stream, index, device);
    }

    /// @inheritdoc IDocket
    function replaceDeviceBySig(
        MemberId custodian,
        StreamId stream,
        uint8 index,
        Device calldata device,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(
            abi.encode(
                REPLACE_DEVICE_TYPEHASH,
                REPLACE_DEVICE_DEED,
                custodian,
                stream,
                index,
                device.key,
                device.alg,
                device.kind,
                device.intervalSeconds,
                device.calibratedUntil,
                nonce,
                deadline
            )
        );
        _takeSignature(_ROSTER.keyOf(custodian), structHash, nonce, deadline, signature);
        _replaceDevice(custodian, stream, index, device);
    }

    function _replaceDevice(MemberId member, StreamId stream, uint8 index, Device calldata device) private {
        LiveCommittee committee = _liveCommittee;
        if (committee.version() == 0) revert NotIgnited();
        Stream storage record = _streams[stream];
        if (index >= record.devices) revert DeviceUnknown(stream, index);
        if (member != record.custodian || !_ROSTER.isMember(member)) {
            revert NotCustodian(stream, member, record.custodian);
        }

        EpochKind kind = record.epochKind;
        Epoch running = Calendar.epochAt(kind, block.timestamp + DEVICE_NOTICE, _TZ, committee.t0());
        uint40 from = uint40(_end(kind, running, committee.t0()));
        _place(stream, index, device, from);
        emit DeviceReplaced(stream, index, device, from);
    }

    function _place(StreamId stream, uint8 index, Device calldata device, uint40 from) private {
        if (device.alg != ED25519 || device.key == 0 || device.intervalSeconds == 0) {
            revert DeviceMalformed(device.key, device.alg, device.intervalSeconds);
        }
        // Envelopes name a device by the first 8 bytes of its key, so no two may share them, ever.
        bytes8 kid = bytes8(device.key);
        uint256 place = (uint256(StreamId.unwrap(stream)) << 8 | index) + 1;
        if (_placeOf[kid] != 0 && _placeOf[kid] != place) revert DeviceKeyTaken(kid);

        _placeOf[kid] = place;
        DatedDevice[] storage history = _devices[stream][index];
        DatedDevice memory dated = DatedDevice({
            key: device.key,
            alg: device.alg,
            kind: device.kind,
            intervalSeconds: device.intervalSeconds,
            calibratedUntil: device.calibratedUntil,
            from: from
        });
        // A replacement that has not begun is replaced itself.
        uint256 count = history.length;
        if (count != 0 && history[count - 1].from == from) history[count - 1] = dated;
        else history.push(dated);
    }

    /* BADGES (R7.1) */

    /// @inheritdoc IDocket
    function enrolBadge(bytes32 badge) external {
        _enrolBadge(_ROSTER.memberOf(msg.sender), badge);
    }

    /// @inheritdoc IDocket
    function enrolBadgeBySig(
        MemberId member,
        bytes32 badge,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(
            abi.encode(ENROL_BADGE_TYPEHASH, ENROL_BADGE_DEED, member, badge, nonce, deadline)
        );
        _takeSignature(_ROSTER.keyOf(member), structHash, nonce, deadline, signature);
        _enrolBadge(member, badge);
    }

    function _enrolBadge(MemberId member, bytes32 badge) private {
        if (_liveCommittee.version() == 0) revert NotIgnited();
        if (!_ROSTER.isMember(member)) revert NotAMemberId(member);
        uint256 tomorrow = Calendar.day(block.timestamp, _TZ) + 1;
        _setBadge(member, badge, uint40(Calendar.dayBegin(tomorrow, _TZ)));
    }

    /// @inheritdoc IDocket
    function foundBadge(MemberId member, bytes32 badge) external {
        if (msg.sender != address(_CHARTER)) revert CallerNot(msg.sender, address(_CHARTER));
        _setBadge(member, badge, 0);
    }

    /// @dev The badge given up may be enrolled by another from now on: theirs holds from a later day than this one's end.
    function _setBadge(MemberId member, bytes32 badge, uint40 from) private {
        DatedBadge[] storage history = _badges[member];
        uint256 count = history.length;
        bytes32 former = count == 0 ? bytes32(0) : history[count - 1].badge;
        if (former != 0) _holderOf[former] = MemberId.wrap(0);
        if (badge != 0) {
            MemberId holder = _holderOf[badge];
            if (MemberId.unwrap(holder) != 0) revert BadgeTaken(badge, holder);
            _holderOf[badge] = member;
        }

        if (count != 0 && history[count - 1].from == from) history[count - 1].badge = badge;
        else history.push(DatedBadge({badge: badge, from: from}));
        emit BadgeEnrolled(member, badge, from);
    }

    /* THE COMMITTEE'S VERSION */

    /// @inheritdoc IDocket
    function reseat(uint24 version, uint8 seats, address keys) external {
        if (msg.sender != _COMMITTEE) revert CallerNot(msg.sender, _COMMITTEE);
        uint40 t0 = _CHARTER.t0();
        if (t0 == 0) revert NotIgnited();

        _liveCommittee = LiveCommittees.make(version, seats, t0, keys);
        emit Reseated(version, seats, keys);
    }

    /* REPORTS (R7.3, R7.4) */

    /// @inheritdoc IDocket
    function submit(Header header, bytes32 envelopes, bytes calldata payload, bytes calldata seal) external {
        LiveCommittee committee = _liveCommittee;
        if (header.committeeVersion() != committee.version()) {
            revert VersionNotCurrent(header.committeeVersion(), committee.version());
        }
        if (!header.isWellFormed()) revert HeaderMalformed(header);

        Entry[64] storage ring = _rings[header.pair()];
        uint256 place;
        Entry parent;
        // The word before an epoch of number zero is another epoch's, so the subtraction may wrap.
        unchecked {
            uint256 number = Epoch.unwrap(header.epoch());
            place = number % RING;
            // First of all that costs: who comes second in a race has done nothing wrong.
            if (ring[place].isOf(number)) revert AlreadyAccepted(header.epoch());
            parent = ring[(number - 1) % RING];
            if (!parent.isHeadAt(number - 1)) parent = _across(header, ring, committee.t0());
        }
        _checkReportable(parent.kind(), header.epoch(), committee.t0());

        bytes32 signed = _digest(header, parent.digest(), envelopes, Reports.payloadHash(payload));
        Seal.check(signed, header.signers(), seal, committee.keys(), committee.seats());

        ring[place] = parent.next(header, signed, block.timestamp);
        emit Accepted(header, envelopes, payload);
    }

    /// @dev Where the epoch before has no report: the last accepted one, if every missing epoch between can no longer be
    /// reported or does not accrue. Before the first report, an entry that is nothing but the kind.
    function _across(Header header, Entry[64] storage ring, uint256 t0) private returns (Entry last) {
        StreamId stream = header.stream();
        Stream storage record = _known(header.subcontract(), stream);
        Epoch epoch = header.epoch();
        EpochKind kind = record.epochKind;
        // Bounds the loop below; `submit` asks again, for reports that do not come here.
        _checkReportable(kind, epoch, t0);

        last = _last(ring);
        uint256 oldest;
        if (last.isNone()) {
            if (!_accrues(header.subcontract(), kind, epoch, t0)) revert EpochNotAccruing(epoch);
        } else {
            if (last.isOf(Epoch.unwrap(epoch))) revert AlreadyAccepted(epoch);
            if (Epoch.unwrap(last.epoch()) > Epoch.unwrap(epoch)) {
                revert EpochBehindHead(epoch, last.epoch());
            }
            oldest = uint256(Epoch.unwrap(last.epoch())) + 1;
        }
        // At most as many steps as epochs fit into `ACCEPT_WITHIN`.
        for (uint24 missing = Epoch.unwrap(epoch); missing > oldest;) {
            Epoch passed = Epoch.wrap(--missing);
            if (block.timestamp > _end(kind, passed, t0) + ACCEPT_WITHIN) break;
            if (_accrues(header.subcontract(), kind, passed, t0)) revert EpochOutOfOrder(epoch, passed);
        }

        if (last.isNone()) {
            record.started = true;
            record.first = epoch;
            return Entries.origin(kind);
        }
        ring[Epoch.unwrap(last.epoch()) % RING] = last.passed();
    }

    function _checkReportable(EpochKind kind, Epoch epoch, uint256 t0) private view {
        uint256 end = Calendar.epochEnd(kind, epoch, _TZ, t0);
        if (block.timestamp < end) revert EpochNotClosed(epoch, block.timestamp, end);
        // What ended is not before its end.
        unchecked {
            if (block.timestamp - end > ACCEPT_WITHIN) {
                revert EpochTooLate(epoch, block.timestamp, end + ACCEPT_WITHIN);
            }
        }
    }

    function _last(Entry[64] storage ring) private view returns (Entry last) {
        for (uint256 i = 0; i < RING; ++i) {
            Entry entry = ring[i];
            if (entry.isNone()) continue;
            if (last.isNone() || Epoch.unwrap(entry.epoch()) > Epoch.unwrap(last.epoch())) last = entry;
        }
    }

    /* CONTEST (R7.10) */

    /// @inheritdoc IDocket
    function contest(SubcontractId subcontract, StreamId stream, Epoch epoch, bytes32 report) external {
        _contest(_ROSTER.memberOf(msg.sender), subcontract, stream, epoch, report);
    }

    /// @inheritdoc IDocket
    function contestBySig(
        MemberId member,
        SubcontractId subcontract,
        StreamId stream,
        Epoch epoch,
        bytes32 report,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(
            abi.encode(
                CONTEST_LINE_TYPEHASH,
                CONTEST_LINE_DEED,
                member,
                subcontract,
                stream,
                epoch,
                report,
                nonce,
                deadline
            )
        );
        _takeSignature(_ROSTER.keyOf(member), structHash, nonce, deadline, signature);
        _contest(member, subcontract, stream, epoch, report);
    }

    /// @dev Whether a line names the member is not asked: what a subcontract takes need not follow from a line. Member 0,
    /// for whom what nobody took is charged, is nobody's. A leaver may contest too: what they took before leaving is still
    /// charged (R16.1).
    function _contest(
        MemberId member,
        SubcontractId subcontract,
        StreamId stream,
        Epoch epoch,
        bytes32 report
    ) private {
        (, Entry entry) = _pending(subcontract, stream, epoch, report);
        uint256 windowEnd = entry.acceptedAt() + _streams[stream].windowSeconds;
        if (block.timestamp > windowEnd) revert WindowOver(block.timestamp, windowEnd);
        if (MemberId.unwrap(member) == 0) revert NotAMember(msg.sender);
        MemberId[] storage lines = _frozen[_report(subcontract, stream, epoch)];
        for (uint256 i = 0; i < lines.length; ++i) {
            if (lines[i] == member) revert AlreadyContested(member);
        }
        Contests memory contests = _contests[member];
        if (contests.earlier != 0 && block.timestamp < contests.earlier + CONTEST_SPAN) {
            revert ContestsUsed(member, block.timestamp, contests.earlier + CONTEST_SPAN);
        }

        _contests[member] = Contests({latest: uint40(block.timestamp), earlier: contests.latest});
        lines.push(member);
        emit LineContested(subcontract, stream, epoch, member);
    }

    /// @dev The entry of this very report, while it is pending.
    function _pending(SubcontractId subcontract, StreamId stream, Epoch epoch, bytes32 signed)
        private
        view
        returns (Entry[64] storage ring, Entry entry)
    {
        uint256 number = Epoch.unwrap(epoch);
        ring = _rings[_pair(subcontract, stream)];
        entry = ring[number % RING];
        if (!entry.isOf(number) || entry.fate() != Fate.Pending) revert NotPending(stream, epoch);
        bytes24 given = Entries.short(signed);
        bytes24 wanted = Entries.short(entry.digest());
        if (given != wanted) revert NotThisReport(given, wanted);
    }

    /* SETTLE (R7.10, R1.9) */

    /// @inheritdoc IDocket
    function settle(Header header, bytes32 parent, bytes32 envelopes, bytes calldata payload) external {
        if (_settling != 0) revert SettlingAlready();
        bytes32 signed = _digest(header, parent, envelopes, Reports.payloadHash(payload));
        (Entry[64] storage ring, Entry entry) =
            _pending(header.subcontract(), header.stream(), header.epoch(), signed);
        uint256 windowEnd = entry.acceptedAt() + _streams[header.stream()].windowSeconds;
        if (block.timestamp <= windowEnd) revert WindowRuns(block.timestamp, windowEnd);
        if (block.timestamp > windowEnd + SETTLE_WITHIN) {
            revert LapsedAt(block.timestamp, windowEnd + SETTLE_WITHIN);
        }

        uint256 place = Epoch.unwrap(header.epoch()) % RING;
        ring[place] = entry.withFate(Fate.Settled);
        _settling = header.report() | SETTLING;
        (bool settled, bytes memory reason) = _ask(header, payload);
        _settling = 0;

        if (settled) {
            emit Settled(header.subcontract(), header.stream(), header.epoch());
        } else {
            ring[place] = entry;
            emit SettlementFailed(header.subcontract(), header.stream(), header.epoch(), reason);
        }
    }

    /// @dev Calls the subcontract with its whole gas bound, and copies at most `LONGEST_REASON` bytes of what it says.
    function _ask(Header header, bytes calldata payload) private returns (bool settled, bytes memory reason) {
        address place = _CHARTER.subcontractAt(header.subcontract());
        uint256 bound = _settleGas();
        bytes memory question =
            abi.encodeCall(ISubcontract.settle, (header.stream(), header.epoch(), payload));
        // All but one 64th of what is left can be forwarded; the rest pays for the call itself.
        uint256 wanted = bound * 64 / 63 + 10_000;
        if (gasleft() < wanted) revert GasTooLow(gasleft(), wanted);

        uint256 size;
        assembly ("memory-safe") {
            settled := call(bound, place, 0, add(question, 32), mload(question), 0, 0)
            size := returndatasize()
        }
        if (settled) return (true, reason);
        reason = new bytes(size < LONGEST_REASON ? size : LONGEST_REASON);
        assembly ("memory-safe") {
            returndatacopy(add(reason, 32), 0, mload(reason))
        }
    }

    function _settleGas() private view returns (uint256) {
        uint256 wanted = SETTLE_GAS + SETTLE_GAS_PER_MEMBER * MemberId.unwrap(_ROSTER.lastMember());
        return wanted < MOST_SETTLE_GAS ? wanted : MOST_SETTLE_GAS;
    }

    /// @inheritdoc IDocket
    function settling(SubcontractId subcontract, StreamId stream, Epoch epoch)
        external
        view
        returns (uint40 begin, MemberId[] memory frozen)
    {
        uint56 report = _report(subcontract, stream, epoch);
        if (_settling != report | SETTLING) revert NotSettling(subcontract, stream, epoch);
        begin = uint40(_begin(_streams[stream].epochKind, epoch, _liveCommittee.t0()));
        frozen = _frozen[report];
    }

    /* VIEWS */

    /// @inheritdoc IDocket
    function streamCount() external view returns (uint16) {
        return _streamCount;
    }

    /// @inheritdoc IDocket
    function streamOf(StreamId stream) external view returns (StreamTerms memory terms, Epoch firstEpoch) {
        Stream storage record = _streams[stream];
        terms = StreamTerms({
            subcontract: record.subcontract,
            epochKind: record.epochKind,
            windowSeconds: record.windowSeconds,
            zone: record.zone,
            custodian: record.custodian,
            dataClass: record.dataClass,
            estimator: record.estimator,
            parameters: record.parameters,
            modelHash: record.modelHash,
            devices: devicesAt(stream, uint40(block.timestamp))
        });
        firstEpoch = record.started ? record.first : _firstReportable(record);
    }

    /// @dev The oldest epoch, the coming one among them, that accrues and can still be reported.
    function _firstReportable(Stream storage record) private view returns (Epoch first) {
        LiveCommittee committee = _liveCommittee;
        if (committee.version() == 0) return first;
        EpochKind kind = record.epochKind;
        uint24 number = Epoch.unwrap(Calendar.epochAt(kind, block.timestamp, _TZ, committee.t0())) + 1;
        for (uint256 i = 0; i < RING; ++i) {
            Epoch epoch = Epoch.wrap(number);
            if (block.timestamp > _end(kind, epoch, committee.t0()) + ACCEPT_WITHIN) break;
            if (_accrues(record.subcontract, kind, epoch, committee.t0())) first = epoch;
            if (number == 0) break;
            --number;
        }
    }

    /// @inheritdoc IDocket
    function devicesAt(StreamId stream, uint40 begin) public view returns (Device[] memory devices) {
        devices = new Device[](_streams[stream].devices);
        for (uint8 index = 0; index < devices.length; ++index) {
            DatedDevice[] storage history = _devices[stream][index];
            uint256 count = history.length;
            for (uint256 back = 1; back <= count && back <= LOOK_BACK; ++back) {
                DatedDevice storage dated = history[count - back];
                if (dated.from > begin) continue;
                devices[index] =
                    Device(dated.key, dated.alg, dated.kind, dated.intervalSeconds, dated.calibratedUntil);
                break;
            }
        }
    }

    /// @inheritdoc IDocket
    function badgeAt(MemberId member, uint40 begin) external view returns (bytes32) {
        DatedBadge[] storage history = _badges[member];
        uint256 count = history.length;
        for (uint256 back = 1; back <= count && back <= LOOK_BACK; ++back) {
            if (history[count - back].from <= begin) return history[count - back].badge;
        }
        return 0;
    }

    /// @inheritdoc IDocket
    function stateOf(SubcontractId subcontract, StreamId stream, Epoch epoch)
        external
        view
        returns (ReportState)
    {
        Stream storage record = _known(subcontract, stream);
        Entry entry = _rings[_pair(subcontract, stream)][Epoch.unwrap(epoch) % RING];
        if (!entry.isOf(Epoch.unwrap(epoch))) {
            bool forgotten = !entry.isNone() && Epoch.unwrap(entry.epoch()) > Epoch.unwrap(epoch);
            bool late = block.timestamp > _end(record.epochKind, epoch, _liveCommittee.t0()) + ACCEPT_WITHIN;
            return forgotten || late ? ReportState.Lapsed : ReportState.None;
        }
        if (entry.fate() == Fate.Settled) return ReportState.Settled;
        if (entry.fate() == Fate.Spent) return ReportState.Spent;
        uint256 windowEnd = entry.acceptedAt() + record.windowSeconds;
        if (block.timestamp <= windowEnd) return ReportState.Accepted;
        return block.timestamp <= windowEnd + SETTLE_WITHIN ? ReportState.Final : ReportState.Lapsed;
    }

    /// @inheritdoc IDocket
    function accepted(SubcontractId subcontract, StreamId stream, Epoch epoch)
        external
        view
        returns (bytes24, uint40)
    {
        Entry entry = _rings[_pair(subcontract, stream)][Epoch.unwrap(epoch) % RING];
        if (!entry.isOf(Epoch.unwrap(epoch))) return (0, 0);
        return (Entries.short(entry.digest()), uint40(entry.acceptedAt()));
    }

    /// @inheritdoc IDocket
    function head(StreamId stream) external view returns (bytes24, Epoch) {
        Entry last = _last(_rings[_pair(_streams[stream].subcontract, stream)]);
        return (Entries.short(last.digest()), last.epoch());
    }

    /// @inheritdoc IDocket
    function openEpochs(SubcontractId subcontract, uint40 since) external view returns (uint16 count) {
        (count,) = _open(subcontract, since);
    }

    /// @inheritdoc IDocket
    function oldestOpen(SubcontractId subcontract) external view returns (uint40) {
        (, uint256 oldest) = _open(subcontract, 0);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint40(oldest);
    }

    /// @dev Counts the open epochs begun at or after `since`, and finds the beginning of the oldest.
    function _open(SubcontractId subcontract, uint256 since)
        private
        view
        returns (uint16 count, uint256 oldest)
    {
        uint256 t0 = _liveCommittee.t0();
        if (t0 == 0) return (0, 0);
        // At most `MOST_STREAMS`.
        StreamId[] storage streams = _streamsOf[subcontract];
        for (uint256 i = 0; i < streams.length; ++i) {
            (uint16 more, uint256 begin) = _openOf(subcontract, streams[i], since, t0);
            count += more;
            if (begin != 0 && (oldest == 0 || begin < oldest)) oldest = begin;
        }
    }

    /// @dev The same of one stream: backwards from the epoch that runs, over at most as many as fit into `OPEN_AT_MOST`, and
    /// not beyond the first report's, before which all that accrued had lapsed.
    function _openOf(SubcontractId subcontract, StreamId stream, uint256 since, uint256 t0)
        private
        view
        returns (uint16 count, uint256 oldest)
    {
        Stream storage record = _streams[stream];
        EpochKind kind = record.epochKind;
        uint24 first = record.started ? Epoch.unwrap(record.first) : 0;
        uint24 number = Epoch.unwrap(Calendar.epochAt(kind, block.timestamp, _TZ, t0));
        while (true) {
            uint256 begin = _begin(kind, Epoch.wrap(number), t0);
            uint256 end = _end(kind, Epoch.wrap(number), t0);
            if (begin < since || block.timestamp > end + OPEN_AT_MOST) break;
            Entry entry = _rings[_pair(subcontract, stream)][number % RING];
            bool open = entry.isOf(number)
                ? entry.fate() == Fate.Pending
                    && block.timestamp <= entry.acceptedAt() + record.windowSeconds + SETTLE_WITHIN
                : block.timestamp <= end + ACCEPT_WITHIN
                    // Unix seconds of any real chain fit into 40 bits.
                    // forge-lint: disable-next-line(unsafe-typecast)
                    && _CHARTER.accruesAt(subcontract, uint40(begin));
            if (open) (count, oldest) = (count + 1, begin);
            if (number == first) break;
            --number;
        }
    }

    /// @inheritdoc IDocket
    function digest(Header header, bytes32 parent, bytes32 envelopes, bytes32 payload)
        external
        view
        returns (bytes32)
    {
        return _digest(header, parent, envelopes, payload);
    }

    /* SHARED BY THE ABOVE */

    function _digest(Header header, bytes32 parent, bytes32 envelopes, bytes32 payload)
        private
        view
        returns (bytes32)
    {
        return Reports.digest(_domainSeparatorV4(), header, parent, envelopes, payload);
    }

    function _known(SubcontractId subcontract, StreamId stream) private view returns (Stream storage record) {
        record = _streams[stream];
        if (record.subcontract != subcontract || SubcontractId.unwrap(subcontract) == 0) {
            revert StreamUnknown(subcontract, stream);
        }
    }

    function _accrues(SubcontractId subcontract, EpochKind kind, Epoch epoch, uint256 t0)
        private
        view
        returns (bool)
    {
        return _CHARTER.accruesAt(subcontract, uint40(_begin(kind, epoch, t0)));
    }

    function _begin(EpochKind kind, Epoch epoch, uint256 t0) private view returns (uint256) {
        return Calendar.epochBegin(kind, epoch, _TZ, t0);
    }

    function _end(EpochKind kind, Epoch epoch, uint256 t0) private view returns (uint256) {
        return Calendar.epochEnd(kind, epoch, _TZ, t0);
    }

    function _pair(SubcontractId subcontract, StreamId stream) private pure returns (uint32) {
        return uint32(SubcontractId.unwrap(subcontract)) << 16 | StreamId.unwrap(stream);
    }

    function _report(SubcontractId subcontract, StreamId stream, Epoch epoch) private pure returns (uint56) {
        return uint56(_pair(subcontract, stream)) << 24 | Epoch.unwrap(epoch);
    }
}
